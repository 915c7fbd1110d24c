"""Invoices, finished once more: the PDFs of those that are chosen, by a job; a period's, made again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from billing.admin.closing import pdf_archives
from billing.closing import CannotRegenerate, preview_regeneration, regenerate
from billing.closing.pdf_archives.selection import select_ids
from billing.models import Period
from billing.models.periods import PeriodKind
from customers.customer_time import current_time
from invoices.admin.credit_notes import VoidForm
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.formats import format_money
from wallets.admin.payments import MORE, PayableInvoiceAdmin

MOST_AT_ONCE = 1_000


@admin.register(Invoice)
class PrintableInvoiceAdmin(PayableInvoiceAdmin):
    actions = ("make_files",)
    actions_detail = (
        *PayableInvoiceAdmin.actions_detail[:-1],
        {"title": "More", "icon": "more_horiz", "items": [*MORE[:-1], "regenerate", MORE[-1]]},
    )

    @action(description="Void and make again", icon="published_with_changes", permissions=["credit"])
    def regenerate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replace a period's invoice by one that is made of what is true now."""
        invoice = self._invoice(request, object_id)
        form, problems, told, at = VoidForm(request.POST or None), [], "", current_time(invoice.customer)
        try:
            if request.method == "POST" and form.is_valid():
                close_pages(invoice_id=invoice.pk, at=at)
                made = regenerate(invoice_id=invoice.pk, **form.cleaned_data, at=at, by=request.user)
                messages.success(request, f"{made} is issued in place of {invoice}.")
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[made.pk]))
            shown = preview_regeneration(invoice_id=invoice.pk, at=at)
            told = (
                f"A new invoice claims {format_money(shown.total.amount, str(shown.currency))}: by the addresses, tax"
            )
            told += " numbers and taxes of now, and all usage of the period."
        except (PaymentAttemptRefused, CannotRegenerate) as refused:
            problems = [str(refused)]
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"Void {invoice}, and make it again",
            consequences=[
                f"A credit note takes back {format_money(invoice.left, str(invoice.currency))}, and the invoice is void.",
                *filter(None, [told]),
                "The customer is sent both documents. This cannot be undone.",
            ],
            problems=problems,
            form=form,
            verb="Void and make again",
            danger=True,
        )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only the standing document of a period can be made again."""
        offered = super().get_actions_detail(request, object_id)
        if not str(object_id).isdecimal():
            return offered  # there is no such page
        if Period.objects.filter(invoice=object_id, invoice__paid=0).exclude(kind=PeriodKind.UNDONE).exists():
            return offered
        return [one for one in offered if one.method.original_function_name != "regenerate"]

    @admin.action(description="Make PDFs", permissions=["render"])
    def make_files(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> HttpResponse | None:
        """Make what is missing of the chosen documents' files; the job's page has all of them as an archive."""
        issued = queryset.exclude(state=InvoiceState.DRAFT).order_by("pk")
        ids = list(issued.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if not ids or len(ids) > MOST_AT_ONCE:
            self.message_user(request, f"Choose 1 to {MOST_AT_ONCE:,} issued documents.", messages.WARNING)
            return None
        return pdf_archives.start(request, of=select_ids(ids), title=f"PDFs of {len(ids):,} documents")
