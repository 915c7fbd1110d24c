"""Receivables that a seller gives up: docs/recognition.md#write-offs."""

import pghistory
from django.conf import settings
from django.db import models

from lib.field_types import AMOUNT, MAX_MONEY, finite
from lib.triggers import append_only


@pghistory.track()
class WriteOff(models.Model):
    """
    The unpaid rest of an invoice that its seller gave up, once. A later payment still counts, as a recovery.

    amount: the amount due at that time, tax included. tax: the part of it that is tax.
    reverses_tax: whether the law gave that tax back at the time.
    """

    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.PROTECT, related_name="write_off")
    amount = models.DecimalField(**AMOUNT)
    tax = models.DecimalField(**AMOUNT)
    reverses_tax = models.BooleanField()
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    at = models.DateTimeField()

    class Meta:
        permissions = [("write_off_invoice", "Can write off invoices")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, amount__lte=MAX_MONEY), name="something_is_written_off"
            ),
            models.CheckConstraint(
                condition=models.Q(tax__gte=0, tax__lte=models.F("amount")),
                name="written_off_tax_is_within_the_amount",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.amount} of {self.invoice}"


class WriteOffShare(models.Model):
    """
    The unpaid part of one line's net amount in a write-off.

    The shares and the tax sum to the written-off amount, or to what credit notes had left of the invoice.
    """

    write_off = models.ForeignKey(
        "invoices.WriteOff", on_delete=models.PROTECT, related_name="shares", db_index=False
    )
    line = models.OneToOneField("invoices.Line", on_delete=models.PROTECT, related_name="write_off_share")
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        constraints = [finite("amount", least=-MAX_MONEY, name="written_off_share_is_finite")]
        indexes = [models.Index(fields=["write_off"], name="share_of_write_off")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.amount} of {self.line}"
