"""Discounts of coupons, line by line."""

from django.db import models

from invoices.triggers.issued_invoices import coupon_is_shared_out_whole, issued_invoice_keeps_its_rows
from lib.field_types import AMOUNT, MAX_MONEY


class Discount(models.Model):
    """
    The amount that a coupon's line takes off another line of its invoice, so that a later credit knows each line's
    net.

    A coupon's line bills the negative sum of its discounts; a discount never takes a line below zero.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="discounts")
    coupon_line = models.ForeignKey("invoices.Line", on_delete=models.PROTECT, related_name="shares")
    line = models.ForeignKey("invoices.Line", on_delete=models.PROTECT, related_name="discounts")
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["coupon_line", "line"], name="coupon_takes_off_a_line_once"),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, amount__lte=MAX_MONEY), name="discount_is_above_zero"
            ),
        ]
        triggers = [coupon_is_shared_out_whole(), *issued_invoice_keeps_its_rows()]

    def __str__(self) -> str:
        return f"{self.amount} off {self.line}"
