"""Notes of staff on invoices."""

from django.conf import settings
from django.db import models

from lib.triggers import append_only

MAX_NOTE_TEXT = 1_000


class InvoiceNote(models.Model):
    """
    A staff user's note about an issued invoice, such as a promised payment. Notes are only added.

    Customers never see them, and they are no part of the document. They may name persons, so an erasure deletes them.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="staff_notes")
    text = models.CharField(max_length=MAX_NOTE_TEXT)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=~models.Q(text=""), name="invoice_note_says_something")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.text
