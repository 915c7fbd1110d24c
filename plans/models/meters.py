"""Meters: the rules by which events become a quantity."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of
from plans.aggregation import aggregate_state, held_values, weighted_sum
from plans.pricing.rounding import Mode
from plans.triggers import catalog_changed, meter_in_use_keeps_its_meaning

code = RegexValidator(
    r"^[a-z0-9][a-z0-9_.-]*$",
    _("Use lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit."),
)

property_path = RegexValidator(
    r"^[^.\s]+(\.[^.\s]+)*$", _("Name a property, such as api_key, or one inside another, such as user.region.")
)


class Aggregation(models.TextChoices):
    COUNT = "count", _("count of events")
    SUM = "sum", _("sum of a value")
    MAX = "max", _("maximum")
    MIN = "min", _("minimum")
    AVERAGE = "average", _("average value")
    LATEST = "latest", _("latest value")
    UNIQUE = "unique", _("distinct values")
    WEIGHTED_SUM = "weighted_sum", _("time-weighted level")


RECURRING = (Aggregation.SUM, Aggregation.LATEST, Aggregation.UNIQUE, Aggregation.WEIGHTED_SUM)
"""Aggregations with a level that carries over from one period to the next."""


class Measures(models.TextChoices):
    DELTAS = "deltas", _("change of the level")
    LEVELS = "levels", _("new level")


class HeldBy(models.TextChoices):
    NUMBER = "", _("number at the end of the period")
    SECOND = "second", _("time held, by the second")
    DAY = "day", _("time held, by the day")


class RoundingMode(models.TextChoices):
    NONE = "none", _("not rounded")
    UP = "up", _("up")
    DOWN = "down", _("down")
    HALF_UP = "half_up", _("half up")


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
    held_by: whether distinct values are charged for the time for which each is held, in exact time or whole days;
        empty for their number.
    price_property: the event's own price, in the major unit of the subscription's currency, for dynamic prices.

    A meter that a published plan version prices never changes its meaning (a database trigger).
    """

    code = models.CharField(max_length=64, unique=True, validators=[code])
    name = models.CharField(max_length=120)
    event_name = models.CharField(
        max_length=200, db_index=True, help_text=_("Name of the events that this meter counts, such as llm.request.")
    )
    aggregation: "models.CharField[str, aggregate_state.Aggregation]" = models.CharField(
        max_length=16, choices=Aggregation, default=Aggregation.COUNT
    )
    value_property = models.CharField(
        max_length=200, blank=True, help_text=_("Dotted path of the value, such as usage.tokens.")
    )
    expression = models.CharField(
        max_length=1000,
        blank=True,
        help_text=_("Combines several properties, such as input_tokens + 4 * output_tokens."),
    )
    measures: "models.CharField[str, weighted_sum.Measures]" = models.CharField(
        max_length=8, choices=Measures, default=Measures.DELTAS, help_text=_("Meaning of the value of an event.")
    )
    operation_property = models.CharField(
        max_length=200, blank=True, help_text=_("The value is removed if this property is “remove”.")
    )
    held_by: "models.CharField[str, held_values.HeldBy]" = models.CharField(
        max_length=6,
        choices=HeldBy,
        blank=True,
        default="",
        db_default="",
        help_text=_("By the day, each day on which a value is held at any moment counts as a whole."),
    )
    price_property = models.CharField(
        max_length=200, blank=True, help_text=_("Dotted path of the price that an event carries, for dynamic prices.")
    )
    filters = models.JSONField(
        default=dict,
        blank=True,
        help_text=_(
            'Counts only events whose properties match, such as {"status": ["success"], "model": ["a", "b"]}.'
        ),
    )
    excludes = models.JSONField(
        default=list,
        blank=True,
        help_text=_("A list of filters. Events that match one of them are not counted."),
    )
    dimensions = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        size=8,
        help_text=_("Properties for breakdowns and prices, such as model, api_key."),
    )
    reading_dimension = models.CharField(
        max_length=100, blank=True, help_text=_("Dimension that identifies separate readings of a level.")
    )
    unit = models.CharField(
        max_length=40, default="unit", help_text=_("Name of one unit in the singular, such as token.")
    )
    rounding: "models.CharField[str, Mode]" = models.CharField(
        max_length=8, choices=RoundingMode, default=RoundingMode.NONE
    )
    rounding_places = models.SmallIntegerField(default=0, help_text=_("Decimal places. Negative: tens, hundreds …"))
    recurring = models.BooleanField(
        default=False, help_text=_("Carry the level at the end of a period into the next one.")
    )
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
                condition=Q(held_by="") | Q(held_by__in=["second", "day"], aggregation="unique", recurring=True),
                name="only_recurring_distinct_values_are_held",
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
