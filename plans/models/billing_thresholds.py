"""Spend thresholds at which a period is billed before it ends."""

import pghistory
from django.db import models
from django.db.models import Q
from djmoney.models.fields import CurrencyField

from lib.field_types import AMOUNT, MAX_MONEY
from plans.triggers import frozen_with_its_version


@pghistory.track()
class BillingThreshold(models.Model):
    """
    An amount of usage in a period at which it is invoiced: docs/closing.md#progressive-billing.

    repeats: whether the threshold is reached again with each further such amount above the highest non-repeating one.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="thresholds")
    currency = CurrencyField(default=None)
    amount = models.DecimalField(**AMOUNT)
    repeats = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "currency", "amount"], name="threshold_is_listed_once"),
            models.UniqueConstraint(
                fields=["version", "currency"], condition=Q(repeats=True), name="one_threshold_of_a_version_repeats"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MAX_MONEY), name="threshold_is_above_zero"),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"
