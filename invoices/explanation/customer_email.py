"""Send the explanation of an invoice to its customer by email."""

from datetime import datetime

import pghistory
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Contact
from customers.notifications import announce
from invoices.explanation.explanation import explanation_locale
from invoices.explanation.reader import explain_invoice
from invoices.models import Invoice
from lib.audit_log import audited_transaction
from lib.money import round_money

KIND = "invoice.explained"


class ExplanationRefused(Exception):
    """The explanation of an invoice can't be sent; the text says why."""


def send_explanation(*, invoice_id: int, at: datetime, by: User | None = None) -> None:
    """
    Email the explanation of an invoice to the contacts who receive the customer's invoices, each in their language.

    Each email has the sentences as of its sending. A call repeated within the same minute sends nothing more.

    :raises ExplanationRefused: if it is a draft, in the sandbox, without such a contact, or too long to explain.
    """
    with audited_transaction("send explanation", by=by, at=at, invoice=invoice_id):
        invoice = Invoice.objects.select_related("customer").get(pk=invoice_id)
        check_explanation_can_be_sent(invoice)
        # Nothing about the invoice changes, so no trigger records who sent it.
        pghistory.create_event(invoice, label="update")
        announce(
            kind=KIND,
            customer_id=invoice.customer_id,
            seller_id=invoice.seller_id,
            facts={
                "invoice": invoice.pk,
                "document": str(invoice.kind),
                "number": invoice.number,
                "total": format(round_money(invoice.total.amount, str(invoice.currency)), "f"),
                "currency": str(invoice.currency),
            },
            key=f"invoice:{invoice.pk}:explained:{at:%Y-%m-%dT%H:%M}",
            at=at,
        )


def check_explanation_can_be_sent(invoice: Invoice) -> None:
    """:raises ExplanationRefused: as `send_explanation` does."""
    if invoice.number is None:
        raise ExplanationRefused(_("A draft can't be sent. Issue it first."))
    if invoice.sandbox:
        raise ExplanationRefused(_("Sandbox customers receive no email."))
    if not Contact.objects.filter(customer=invoice.customer_id, billing=True).exists():
        raise ExplanationRefused(
            _("The customer has no contact who receives invoices. Add one to the customer first.")
        )
    if explain_invoice(invoice, locale=explanation_locale(invoice.customer.locale)) is None:
        raise ExplanationRefused(_("%(invoice)s has too many lines to be explained.") % {"invoice": invoice})
