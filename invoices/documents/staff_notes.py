"""Add notes of staff to invoices."""

from datetime import datetime

import pghistory
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from invoices.models import Invoice, InvoiceNote
from invoices.models.notes import MAX_NOTE_TEXT
from lib.audit_log import audited_transaction


class NoteRefused(Exception):
    """A note can't be added; the text says why."""


def add_note(*, invoice_id: int, text: str, at: datetime, by: User) -> InvoiceNote:
    """
    Add a note to an issued invoice or credit note.

    :raises NoteRefused: if it is a draft, or the text is empty or too long.
    """
    if not text.strip() or len(text) > MAX_NOTE_TEXT:
        raise NoteRefused(_("Enter a note of 1 to %(most)s characters.") % {"most": MAX_NOTE_TEXT})
    with audited_transaction("add note", by=by, at=at, invoice=invoice_id):
        invoice = Invoice.objects.get(pk=invoice_id)
        if invoice.number is None:
            raise NoteRefused(_("Issue the draft first; its own note is printed on the invoice."))
        # Nothing about the invoice changes, so no trigger records who added it.
        pghistory.create_event(invoice, label="update")
        return InvoiceNote.objects.create(invoice=invoice, text=text.strip(), by=by, at=at)
