"""Unit costs: the seller's own cost of usage."""

from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from lib.field_types import UNIT_PRICE, finite
from plans.triggers import catalog_changed


class UnitCostQuerySet(models.QuerySet["UnitCost"]):
    def in_force(self, at: datetime) -> Self:
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=at), valid_from__lte=at)

    def of(self, *, meter_id: int, match: dict[str, str], currency: str) -> Self:
        """Return the costs of the same usage, which follow one another in time."""
        return self.filter(meter=meter_id, match=match, currency=currency)


@pghistory.track()
class UnitCost(models.Model):
    """
    The cost of one unit of a meter over a time interval.

    match: dimension → value, as in a rate; empty for all usage that no more specific cost matches. For the same usage
        and currency, one cost is in force at a time. The cost of usage that is already counted cannot change: a
        trigger of billing rejects it.
    """

    meter = models.ForeignKey("plans.Meter", on_delete=models.PROTECT, related_name="unit_costs")
    match = models.JSONField(default=dict, blank=True)
    currency = CurrencyField(default=None)
    cost = models.DecimalField(**UNIT_PRICE, help_text=_("Cost of one unit, such as 0.0000025 for 2.50 per million."))
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True, help_text=_("Empty: until the next cost starts."))
    note = models.CharField(max_length=200, blank=True, help_text=_("Source of the cost, such as a price list."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UnitCostQuerySet.as_manager()

    class Meta:
        constraints = [
            finite("cost", name="unit_cost_is_finite"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="unit_cost_ends_after_it_starts",
            ),
            # The match is compared as text: the exclusion needs an equality operator in its index, which jsonb lacks.
            ExclusionConstraint(
                name="one_unit_cost_is_in_force_at_a_time",
                expressions=[
                    ("meter", RangeOperators.EQUAL),
                    (Cast("match", models.TextField()), RangeOperators.EQUAL),
                    ("currency", RangeOperators.EQUAL),
                    (
                        Func("valid_from", "valid_to", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("Another cost of the same usage is in force at that time."),
            ),
        ]
        triggers = [catalog_changed()]

    def __str__(self) -> str:
        usage = ", ".join(f"{name} {value}" for name, value in self.match.items())
        return f"{self.meter}{': ' if usage else ''}{usage} in {self.currency}"
