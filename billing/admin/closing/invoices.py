"""On the invoice page: rendering selected invoices by a job, and regenerating a period's invoice."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from billing.admin.closing import pdf_archives
from billing.closing import CannotRegenerate, preview_regeneration, regenerate
from billing.closing.pdf_archives.selection import select_ids
from billing.models import Period
from billing.models.periods import PeriodKind
from customers.customer_time import current_time
from invoices.admin.invoice_actions import VoidInvoice
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.admin import Preview, Response, selection_action
from lib.formats import format_money

# The ids of a selection are stored in the job's parameters.
MAX_AT_ONCE = 1_000


class RegenerateInvoice(VoidInvoice):
    """Replace a period's invoice by one based on the current facts."""

    label = verb = "Void and make again"
    icon = "published_with_changes"
    refusals = (PaymentAttemptRefused, CannotRegenerate)

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        """Offer it only for the current invoice of a period."""
        return Period.objects.filter(invoice=invoice, invoice__paid=0).exclude(kind=PeriodKind.UNDONE).exists()

    def preview(self, invoice: Invoice) -> Preview:
        consequences, problems = [], []
        try:
            preview = preview_regeneration(invoice_id=invoice.pk, at=current_time(invoice.customer))
            consequences = [
                f"A new invoice claims {format_money(preview.total.amount, str(preview.currency))}: by the addresses,"
                " tax numbers and taxes of now, and all usage of the period."
            ]
        except CannotRegenerate as refused:
            problems = [str(refused)]
        return Preview(
            title=f"Void {invoice}, and make it again",
            consequences=[
                f"A credit note takes back {format_money(invoice.left, str(invoice.currency))}, and the invoice is "
                "void.",
                *consequences,
                "The customer is sent both documents. This cannot be undone.",
            ],
            problems=problems,
        )

    def run(self, invoice: Invoice) -> Response:
        at = current_time(invoice.customer)
        close_pages(invoice_id=invoice.pk, at=at)
        replacement = regenerate(invoice_id=invoice.pk, **self.choices, at=at, by=self.user)
        return self.done(f"{replacement} is issued in place of {invoice}.", to=replacement)


class InvoiceOfPeriod(InvoiceAdmin):
    """A part of the invoice page (config/admin_site/pages.py)."""

    regenerate = RegenerateInvoice.as_action()

    @selection_action("Make PDFs", permission="invoices.change_rendering")
    def make_files(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> HttpResponse | None:
        """Render the missing PDFs of the selected invoices; the job's page offers all of them as an archive."""
        issued = queryset.exclude(state=InvoiceState.DRAFT).order_by("pk")
        ids = list(issued.values_list("pk", flat=True)[: MAX_AT_ONCE + 1])
        if not ids or len(ids) > MAX_AT_ONCE:
            self.message_user(request, f"Choose 1 to {MAX_AT_ONCE:,} issued documents.", messages.WARNING)
            return None
        return pdf_archives.start(request, selected=select_ids(ids), title=f"PDFs of {len(ids):,} documents")
