"""On the invoice page: acts on selected invoices by a job, and regenerating a period's invoice."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.closing.invoice_selections import (
    ChargeInvoices,
    MakeInvoiceFiles,
    SendInvoices,
    WriteOffInvoices,
)
from billing.closing import CannotRegenerate, preview_regeneration, regenerate
from billing.models import Period
from billing.models.periods import PeriodKind
from customers.customer_time import current_time
from invoices.admin.credit_notes import VoidInvoiceForm
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.admin import ConfirmedAction, Preview, Response
from lib.formats import format_money


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
    send_many = SendInvoices.as_action()
    charge_many = ChargeInvoices.as_action()
    write_off_many = WriteOffInvoices.as_action()
    make_files = MakeInvoiceFiles.as_action()
