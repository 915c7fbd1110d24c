"""On the invoice page: rendering selected invoices by a job, and regenerating a period's invoice."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

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
from lib.admin import ConfirmedAction, Preview, Response, selection_action
from lib.formats import format_money, format_number

# The ids of a selection are stored in the job's parameters.
MAX_AT_ONCE = 1_000


class RegenerateInvoice(ConfirmedAction[Invoice]):
    """Replace a period's invoice by one based on the current facts."""

    label = verb = _("Void and reissue")
    icon = "published_with_changes"
    permission = "invoices.issue_creditnote"
    danger = True
    form_class = VoidInvoiceForm
    refusals = (PaymentAttemptRefused, CannotRegenerate)

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        """Offer it only for the current invoice of a period."""
        return Period.objects.filter(invoice=invoice, invoice__paid=0).exclude(kind=PeriodKind.UNDONE).exists()

    def preview(self, invoice: Invoice) -> Preview:
        consequences, problems = [], []
        try:
            preview = preview_regeneration(invoice_id=invoice.pk, at=current_time(invoice.customer))
            text = gettext(
                "A new invoice over %(amount)s is issued with the current addresses, tax numbers, and taxes, and with"
                " all usage of the period."
            )
            consequences = [text % {"amount": format_money(preview.total.amount, str(preview.currency))}]
        except CannotRegenerate as refused:
            problems = [str(refused)]
        return Preview(
            title=gettext("Void and reissue %(invoice)s") % {"invoice": invoice},
            consequences=[
                gettext("A credit note over %(amount)s voids the invoice.")
                % {"amount": format_money(invoice.left, str(invoice.currency))},
                *consequences,
                gettext("The customer receives both. This can't be undone."),
            ],
            problems=problems,
        )

    def run(self, invoice: Invoice) -> Response:
        at = current_time(invoice.customer)
        close_pages(invoice_id=invoice.pk, at=at)
        replacement = regenerate(invoice_id=invoice.pk, **self.choices, at=at, by=self.user)
        names = {"replacement": replacement, "invoice": invoice}
        return self.done(gettext("%(replacement)s was issued in place of %(invoice)s.") % names, to=replacement)


class InvoiceOfPeriod(InvoiceAdmin):
    """A part of the invoice page (config/admin_site/pages.py)."""

    regenerate = RegenerateInvoice.as_action()

    @selection_action(_("Create PDFs"), permission="invoices.change_rendering")
    def make_files(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> HttpResponse | None:
        """Render the missing PDFs of the selected invoices; the job's page offers all of them as an archive."""
        issued = queryset.exclude(state=InvoiceState.DRAFT).order_by("pk")
        ids = list(issued.values_list("pk", flat=True)[: MAX_AT_ONCE + 1])
        if not ids or len(ids) > MAX_AT_ONCE:
            text = gettext("Select 1 to %(most)s issued invoices.") % {"most": format_number(MAX_AT_ONCE)}
            self.message_user(request, text, messages.WARNING)
            return None
        title = ngettext("PDF of %(count)s invoice", "PDFs of %(count)s invoices", len(ids))
        title %= {"count": format_number(len(ids))}
        return pdf_archives.start(request, selected=select_ids(ids), title=title)
