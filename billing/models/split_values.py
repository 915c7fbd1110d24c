"""The values that a split price has met in a period, numbered in the order in which they were stored."""

from django.db import models

from lib.field_types import finite
from lib.triggers import append_only
from plans.pricing.price_splits import MAX_BOUND, MAX_VALUE_LENGTH, SplitText, value_label


class SplitValue(models.Model):
    """
    One value of the property that a price is split by: docs/pricing.md#split-prices.

    position: 1, 2, 3 …, up to the price's bound; part of the rate key of the value's counters.
    value: None for events without the property.
    """

    pk = models.CompositePrimaryKey("period_id", "plan_feature_id", "position")
    period = models.ForeignKey(
        "billing.Period", on_delete=models.PROTECT, related_name="split_values", db_index=False
    )
    plan_feature = models.ForeignKey("plans.PlanFeature", on_delete=models.PROTECT, related_name="+", db_index=False)
    position = models.PositiveSmallIntegerField()
    value: "models.CharField[SplitText, SplitText]" = models.CharField(max_length=MAX_VALUE_LENGTH, null=True)  # noqa: DJ001  an empty text is a value

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["period", "plan_feature", "value"], name="split_value_is_numbered_once", nulls_distinct=False
            ),
            finite("position", least=1, most=MAX_BOUND, name="split_value_has_a_number"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return value_label(self.value)
