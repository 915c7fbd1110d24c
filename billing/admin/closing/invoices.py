"""On the invoice page: rendering selected invoices by a job, and regenerating a period's invoice."""

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
from invoices.admin.credit_notes import VoidInvoiceForm
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.formats import format_money

# The ids of a selection are stored in the job's parameters.
MAX_AT_ONCE = 1_000


class InvoiceOfPeriod(InvoiceAdmin):
    """A part of the invoice page (config/admin_site/pages/invoice.py)."""

    @action(description="Void and make again", icon="published_with_changes", permissions=["credit"])
    def regenerate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replace a period's invoice by one based on the current facts."""
        invoice = self._invoice(request, object_id)
        form, problems, consequence, at = (
            VoidInvoiceForm(request.POST or None),
            [],
            "",
            current_time(invoice.customer),
        )
        try:
            if request.method == "POST" and form.is_valid():
                close_pages(invoice_id=invoice.pk, at=at)
                replacement = regenerate(invoice_id=invoice.pk, **form.cleaned_data, at=at, by=request.user)
                messages.success(request, f"{replacement} is issued in place of {invoice}.")
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[replacement.pk]))
            preview = preview_regeneration(invoice_id=invoice.pk, at=at)
            consequence = (
                f"A new invoice claims {format_money(preview.total.amount, str(preview.currency))}: by "
                "the addresses, tax"
            )
            consequence += " numbers and taxes of now, and all usage of the period."
        except (PaymentAttemptRefused, CannotRegenerate) as refused:
            problems = [str(refused)]
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"Void {invoice}, and make it again",
            consequences=[
                f"A credit note takes back {format_money(invoice.left, str(invoice.currency))}, and the invoice is "
                "void.",
                *filter(None, [consequence]),
                "The customer is sent both documents. This cannot be undone.",
            ],
            problems=problems,
            form=form,
            verb="Void and make again",
            danger=True,
        )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer regeneration only for the current invoice of a period."""
        actions = super().get_actions_detail(request, object_id)
        if not str(object_id).isdecimal():
            return actions  # there is no such page
        if Period.objects.filter(invoice=object_id, invoice__paid=0).exclude(kind=PeriodKind.UNDONE).exists():
            return actions
        return [
            detail_action for detail_action in actions if detail_action.method.original_function_name != "regenerate"
        ]

    @admin.action(description="Make PDFs", permissions=["render"])
    def make_files(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> HttpResponse | None:
        """Render the missing PDFs of the selected invoices; the job's page offers all of them as an archive."""
        issued = queryset.exclude(state=InvoiceState.DRAFT).order_by("pk")
        ids = list(issued.values_list("pk", flat=True)[: MAX_AT_ONCE + 1])
        if not ids or len(ids) > MAX_AT_ONCE:
            self.message_user(request, f"Choose 1 to {MAX_AT_ONCE:,} issued documents.", messages.WARNING)
            return None
        return pdf_archives.start(request, selected=select_ids(ids), title=f"PDFs of {len(ids):,} documents")
