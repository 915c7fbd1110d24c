"""How events become a quantity."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from plans.bounds import one_of
from plans.freezing import catalogue_changed, meter_in_use_keeps_its_meaning

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


class RoundingMode(models.TextChoices):
    NONE = "none", "not rounded"
    UP = "up", "up"
    DOWN = "down", "down"
    HALF_UP = "half_up", "half up"


@pghistory.track()
class Meter(models.Model):
    """
    A rule that turns events of one name into a quantity.

    A meter reads one value per event (`value_property`, a dotted path into the properties), or several, one per
    `MeterReading`, each filed under a value of the dimension `reading_dimension`. Events that fail the filters are
    not counted and are nobody's loss; events without the value they should carry are reported as unbilled.

    A meter that a published plan version prices never changes its meaning (a database trigger).
    """

    code = models.CharField(max_length=64, unique=True, validators=[code])
    name = models.CharField(max_length=120)
    event_name = models.CharField(
        max_length=200, db_index=True, help_text="The `event` that this meter counts, such as llm.request."
    )
    aggregation = models.CharField(max_length=16, choices=Aggregation, default=Aggregation.COUNT)
    value_property = models.CharField(
        max_length=200, blank=True, help_text="Dotted path of the value to add up, such as usage.tokens."
    )
    filters = models.JSONField(
        default=dict,
        blank=True,
        help_text='Only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.',
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
    rounding = models.CharField(max_length=8, choices=RoundingMode, default=RoundingMode.NONE)
    rounding_places = models.PositiveSmallIntegerField(default=0)
    recurring = models.BooleanField(default=False, help_text="The level at a period's end opens the next one.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            one_of("aggregation", Aggregation, name="meter_aggregation_is_known"),
            one_of("rounding", RoundingMode, name="meter_rounding_is_known"),
            models.CheckConstraint(condition=Q(rounding_places__lte=12), name="meter_rounds_to_12_places_at_most"),
        ]
        triggers = [
            meter_in_use_keeps_its_meaning(meter_of_row="{row}.id", harmless=("name", "unit")),
            catalogue_changed(),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class MeterReading(models.Model):
    """One of several values that a meter reads from the same event: input from prompt_tokens, output from …"""

    meter = models.ForeignKey("plans.Meter", on_delete=models.CASCADE, related_name="readings")
    dimension_value = models.CharField(max_length=100)
    value_property = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["meter", "dimension_value"], name="meter_reads_a_dimension_value_once")
        ]
        triggers = [meter_in_use_keeps_its_meaning(meter_of_row="{row}.meter_id"), catalogue_changed()]

    def __str__(self) -> str:
        return f"{self.dimension_value} from {self.value_property}"
