"""Estimates of how much prepaid value is never used: docs/wallets.md#breakage."""

import pghistory
from django.conf import settings
from django.db import models

from lib.triggers import append_only

MAX_REASON = 300


@pghistory.track()
class BreakageRate(models.Model):
    """
    The share of prepaid value that a seller expects to stay unused, from a month on. The latest row of a month holds.

    pack: the only pack that it is for; empty for all packs without a rate of their own.
    percent: at zero, breakage is recognized on expiry alone, which is for sellers that can't estimate it reliably.
    month: the first day of the first month in which the estimate holds; a month that was open when it was entered.
    reason: for the estimate, or for recognition on expiry.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="breakage_rates")
    pack = models.ForeignKey("plans.CreditPack", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    month = models.DateField()
    reason = models.CharField(max_length=MAX_REASON)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(percent__gte=0, percent__lt=100), name="expected_breakage_is_below_100_percent"
            ),
            models.CheckConstraint(
                condition=models.Q(month__day=1), name="breakage_rate_holds_from_a_first_of_a_month"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="breakage_rate_has_a_reason"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.percent} % from {self.month:%B %Y}"
