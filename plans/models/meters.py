"""Meters: the rules by which events become a quantity."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from lib.field_types import finite, one_of
from plans.aggregation import aggregate_state, weighted_sum
from plans.pricing.rounding import Mode
from plans.triggers import catalog_changed, meter_in_use_keeps_its_meaning

code = RegexValidator(
    r"^[a-z0-9][a-z0-9_.-]*$",
    "Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit.",
)


class Aggregation(models.TextChoices):
    COUNT = "count", "count of events"
    SUM = "sum", "sum of a value"
    MAX = "max", "greatest value"
    MIN = "min", "least value"
    AVERAGE = "average", "average value"
    LATEST = "latest", "latest value"
    UNIQUE = "unique", "distinct values"
    WEIGHTED_SUM = "weighted_sum", "level weighted by time"


RECURRING = (Aggregation.SUM, Aggregation.LATEST, Aggregation.UNIQUE, Aggregation.WEIGHTED_SUM)
"""Aggregations with a level that carries over from one period to the next."""


class Measures(models.TextChoices):
    DELTAS = "deltas", "by how much the level changed"
    LEVELS = "levels", "what the level is from then on"


class RoundingMode(models.TextChoices):
    NONE = "none", "not rounded"
    UP = "up", "up"
    DOWN = "down", "down"
    HALF_UP = "half_up", "half up"


@pghistory.track()
class Meter(models.Model):
    """
    A rule that turns events of one name into a quantity.

    A meter reads one value per event (`value_property`, a dotted path into the properties, or an `expression` of
    them), or several, one per `MeterReading`, each filed under a value of the dimension `reading_dimension`. Events
    that fail the filters are not counted and not reported; events without the expected value are reported as
    unmatched.

    measures: whether the value of a weighted sum is a change of the level or the new level.
    operation_property: for distinct values, the property that is `remove` when the value leaves; any other value, or
        none, adds it.
    price_property: the event's own price, in the major unit of the subscription's currency, for dynamic prices.

    A meter that a published plan version prices never changes its meaning (a database trigger).
    """

    code = models.CharField(max_length=64, unique=True, validators=[code])
    name = models.CharField(max_length=120)
    event_name = models.CharField(
        max_length=200, db_index=True, help_text="The `event` that this meter counts, such as llm.request."
    )
    aggregation: "models.CharField[str, aggregate_state.Aggregation]" = models.CharField(
        max_length=16, choices=Aggregation, default=Aggregation.COUNT
    )
    value_property = models.CharField(
        max_length=200, blank=True, help_text="Dotted path of the value to add up, such as usage.tokens."
    )
    expression = models.CharField(
        max_length=1000,
        blank=True,
        help_text="Instead of a property, an expression of several: input_tokens + 4 * output_tokens.",
    )
    measures: "models.CharField[str, weighted_sum.Measures]" = models.CharField(
        max_length=8, choices=Measures, default=Measures.DELTAS, help_text="What an event's value says."
    )
    operation_property = models.CharField(
        max_length=200, blank=True, help_text="Where this property says “remove”, the value is gone."
    )
    price_property = models.CharField(
        max_length=200, blank=True, help_text="Dotted path of what the event itself costs, for dynamic prices."
    )
    filters = models.JSONField(
        default=dict,
        blank=True,
        help_text='Only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.',
    )
    excludes = models.JSONField(
        default=list,
        blank=True,
        help_text="A list of such filters; events that match all of any one of them are not counted.",
    )
    dimensions = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        size=8,
        help_text="Properties that usage is broken down by and may be priced by, such as model, api_key.",
    )
    reading_dimension = models.CharField(
        max_length=100, blank=True, help_text="The dimension that tells this meter's readings apart."
    )
    unit = models.CharField(max_length=40, default="unit", help_text="What one of it is called: token, request.")
    rounding: "models.CharField[str, Mode]" = models.CharField(
        max_length=8, choices=RoundingMode, default=RoundingMode.NONE
    )
    rounding_places = models.SmallIntegerField(default=0, help_text="Below zero: to tens, hundreds …")
    recurring = models.BooleanField(default=False, help_text="The level at a period's end opens the next one.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            one_of("aggregation", Aggregation, name="meter_aggregation_is_known"),
            one_of("rounding", RoundingMode, name="meter_rounding_is_known"),
            one_of("measures", Measures, name="meter_measures_deltas_or_levels"),
            finite("rounding_places", least=-12, most=12, name="meter_rounds_to_12_places_at_most"),
            models.CheckConstraint(
                condition=Q(recurring=False) | Q(aggregation__in=RECURRING), name="only_a_level_recurs"
            ),
            models.CheckConstraint(
                condition=Q(aggregation="count")
                | Q(expression="", reading_dimension="") & ~Q(value_property="")
                | ~Q(expression="") & Q(value_property="", reading_dimension="")
                | ~Q(reading_dimension="") & Q(value_property="", expression=""),
                name="meter_reads_its_value_in_one_way",
            ),
            models.CheckConstraint(
                condition=Q(expression="") | ~Q(aggregation__in=("count", "unique")), name="only_numbers_are_computed"
            ),
            models.CheckConstraint(
                condition=Q(operation_property="") | Q(aggregation="unique"), name="only_distinct_values_go"
            ),
            models.CheckConstraint(
                condition=Q(measures="deltas") | Q(aggregation="weighted_sum"), name="only_a_weighted_sum_has_levels"
            ),
        ]
        triggers = [
            meter_in_use_keeps_its_meaning(meter_of_row="{row}.id", harmless=("name", "unit")),
            catalog_changed(),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class MeterReading(models.Model):
    """One of several values that a meter reads from the same event, such as input from prompt_tokens."""

    meter = models.ForeignKey("plans.Meter", on_delete=models.CASCADE, related_name="readings")
    dimension_value = models.CharField(max_length=100)
    value_property = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["meter", "dimension_value"], name="meter_reads_a_dimension_value_once")
        ]
        triggers = [meter_in_use_keeps_its_meaning(meter_of_row="{row}.meter_id"), catalog_changed()]

    def __str__(self) -> str:
        return f"{self.dimension_value} from {self.value_property}"
