"""Drawdowns: the cost of a feature's usage in a period that wallets were asked to pay."""

from django.db import models
from django.db.models import F, Q

from lib.field_types import finite
from wallets.models.field_types import MAX_UNITS, UnitsField


class Drawdown(models.Model):
    """
    The usage of one feature in one window of one period, as paid by wallets.

    cost: cost of all counted usage, in the wallet's units.
    overage: the uncovered part of it that is invoiced.
    refused: the uncovered part that was used in spite of that; it costs nothing, and is reported.
    times: number of drawdowns; part of the next one's reference.

    The rest of the cost is the sum of the ledger's transactions for this row.
    """

    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="draws", db_index=False)
    plan_feature = models.ForeignKey("plans.PlanFeature", on_delete=models.PROTECT, related_name="+", db_index=False)
    window_start = models.DateTimeField()
    cost = UnitsField(default=0)
    overage = UnitsField(default=0)
    refused = UnitsField(default=0)
    times = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["period", "plan_feature", "window_start"], name="usage_is_drawn_down_once"
            ),
            finite("cost", most=MAX_UNITS, name="drawdown_cost_is_finite"),
            models.CheckConstraint(
                condition=Q(overage__gte=0, refused__gte=0, overage__lte=F("cost") - F("refused")),
                name="no_more_is_missing_than_was_asked_for",
            ),
        ]
        indexes = [models.Index(fields=["period"], condition=Q(refused__gt=0), name="drawdown_with_refused")]

    def __str__(self) -> str:
        return f"{self.cost.normalize():,f} for {self.plan_feature}"
