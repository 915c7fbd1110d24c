"""Void an invoice: credit all of it, as if it had never been sent."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from invoices.credit_notes.credit_note import CreditRefused, issue_credit_note
from invoices.models import Invoice
from lib.audit_log import audited_transaction


def void_invoice(*, invoice_id: int, reason: str, at: datetime, by: User | None = None) -> Invoice:
    """
    Issue a credit note over everything left of an invoice, and return it; the invoice is then void.

    The credit note offsets the invoice: no money moves.

    :raises CreditRefused: if some of the invoice is paid, nothing is left of it, or no reason is given.
    """
    with audited_transaction("void invoice", by=by, at=at, invoice=invoice_id):
        # Held, so that no payment comes between the look and the note.
        invoice = Invoice.objects.select_for_update(no_key=True).filter(pk=invoice_id).first()
        if invoice is not None and invoice.paid:
            text = _("Part of %(invoice)s is paid. Credit it instead, to the customer balance or as a refund.")
            raise CreditRefused(text % {"invoice": invoice}, field="invoice")
        return issue_credit_note(invoice_id=invoice_id, lines=None, reason=reason, to="offset", at=at, by=by)
