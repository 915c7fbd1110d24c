"""Send the explanation of an invoice to its customer by email."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from invoices.documents.invoice_email import EmailRefused, announce_sending, check_invoice_can_be_sent
from invoices.explanation.explanation import explanation_locale
from invoices.explanation.reader import explain_invoice
from invoices.models import Invoice
from lib.audit_log import audited_transaction

KIND = "invoice.explained"


def send_explanation(*, invoice_id: int, at: datetime, by: User | None = None) -> None:
    """
    Email the explanation of an invoice to the contacts who receive the customer's invoices, each in their language.

    Each email has the sentences as of its sending. A call repeated within the same minute sends nothing more.

    :raises EmailRefused: if it is a draft, in the sandbox, without such a contact, or too long to explain.
    """
    with audited_transaction("send explanation", by=by, at=at, invoice=invoice_id):
        invoice = Invoice.objects.select_related("customer").get(pk=invoice_id)
        check_explanation_can_be_sent(invoice)
        announce_sending(invoice, kind=KIND, key=f"explained:{at:%Y-%m-%dT%H:%M}", at=at)


def check_explanation_can_be_sent(invoice: Invoice) -> None:
    """:raises EmailRefused: as `send_explanation` does."""
    check_invoice_can_be_sent(invoice)
    if explain_invoice(invoice, locale=explanation_locale(invoice.customer.locale)) is None:
        raise EmailRefused(_("%(invoice)s has too many lines to be explained.") % {"invoice": invoice})
