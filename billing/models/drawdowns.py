"""What a wallet was asked for by the use of a feature in a period."""

from django.db import models
from django.db.models import F, Q

from lib.field_types import finite
from wallets.models.field_types import MAX_UNITS, UnitsField


class Drawdown(models.Model):
    """
    The use of one feature in one window of one period, as a wallet pays for it.

    cost: what all that was counted comes to, in the wallet's units. overage: of that, what the wallet had not and is
    invoiced. refused: what it had not and was used in spite of that; it costs nothing, and is told.
    The rest is what the ledger's transactions of this draw sum to. times: how often it was drawn; names the next one.
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
            models.UniqueConstraint(fields=["period", "plan_feature", "window_start"], name="use_is_drawn_once"),
            finite("cost", most=MAX_UNITS, name="drawn_cost_is_finite"),
            models.CheckConstraint(
                condition=Q(overage__gte=0, refused__gte=0, overage__lte=F("cost") - F("refused")),
                name="no_more_is_missing_than_was_asked_for",
            ),
        ]
        indexes = [models.Index(fields=["period"], condition=Q(refused__gt=0), name="draw_with_refused")]

    def __str__(self) -> str:
        return f"{self.cost.normalize():,f} for {self.plan_feature}"
