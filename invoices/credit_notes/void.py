"""Void an invoice: take the whole of it back, as if it had not been sent."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from invoices.credit_notes.credit_note import CannotCredit, credit
from invoices.models import Invoice
from lib.audit_log import change


def void(*, invoice_id: int, reason: str, at: datetime, by: AbstractBaseUser | None = None) -> Invoice:
    """
    Issue a credit note over all that is left of an invoice, and return it; the invoice is void then.

    The note names the invoice, and is set off against it: no money moves.

    :raises CannotCredit: if some of the invoice is paid, nothing is left of it, or no reason is given.
    """
    with change("void invoice", by=by, at=at, invoice=invoice_id):
        # Held, so that no payment comes between the look and the note.
        invoice = Invoice.objects.select_for_update(no_key=True).filter(pk=invoice_id).first()
        if invoice is not None and invoice.paid:
            raise CannotCredit(
                f"Some of {invoice} is paid: credit it, and say where the money goes.", field="invoice"
            )
        return credit(invoice_id=invoice_id, lines=None, reason=reason, to="offset", at=at, by=by)
