"""Emails about an issued invoice or credit note that staff users send."""

from datetime import datetime

import pghistory
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Contact
from customers.notifications import announce
from invoices.models import Invoice
from lib.audit_log import audited_transaction
from lib.money import round_money

KIND = "invoice.resent"


class EmailRefused(Exception):
    """An invoice or its explanation can't be sent; the text says why."""


def send_invoice_again(*, invoice_id: int, key: str, at: datetime, by: User | None = None) -> None:
    """
    Email an invoice with its PDF to the contacts who receive the customer's invoices.

    key: identifies the sending; repeated with the same key, it sends nothing more. Webhooks get a kind of its own,
        since they would take `invoice.issued` for another invoice.

    :raises EmailRefused: if it is a draft, in the sandbox, or without such a contact.
    """
    with audited_transaction("send invoice again", by=by, at=at, invoice=invoice_id):
        invoice = Invoice.objects.select_related("customer").get(pk=invoice_id)
        check_invoice_can_be_sent(invoice)
        announce_sending(invoice, kind=KIND, key=f"resent:{key}", at=at)


def announce_sending(invoice: Invoice, *, kind: str, key: str, at: datetime) -> None:
    """
    Announce to the customer an email about an invoice that a staff user sends.

    key: identifies the sending among those of this invoice; repeated with the same key, it sends nothing more.
    """
    # Nothing about the invoice changes, so no trigger records who sent it.
    pghistory.create_event(invoice, label="update")
    announce(
        kind=kind,
        customer_id=invoice.customer_id,
        seller_id=invoice.seller_id,
        facts={
            "invoice": invoice.pk,
            "document": str(invoice.kind),
            "number": invoice.number,
            "total": format(round_money(invoice.total.amount, str(invoice.currency)), "f"),
            "currency": str(invoice.currency),
            "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
        },
        key=f"invoice:{invoice.pk}:{key}",
        at=at,
    )


def check_invoice_can_be_sent(invoice: Invoice) -> None:
    """:raises EmailRefused: as `send_invoice_again` does."""
    if invoice.number is None:
        raise EmailRefused(_("A draft can't be sent. Issue it first."))
    if invoice.sandbox:
        raise EmailRefused(_("Sandbox customers receive no email."))
    if not Contact.objects.filter(customer=invoice.customer_id, billing=True).exists():
        raise EmailRefused(_("The customer has no contact who receives invoices. Add one to the customer first."))
