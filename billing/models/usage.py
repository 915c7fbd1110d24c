"""
Usage. These tables are written in sets by the store (billing/metering/store), and rows are only added.

Event is the fact as it was sent. Counter and Rollup are sums updated in the same transaction, so that no read or
close scans events. BilledUsage is the usage that a line billed.
"""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Exists, Max, OuterRef
from django.utils.translation import gettext_lazy as _

from billing.models.corrections import Correction
from lib.field_types import MAX_QUANTITY, QuantityField, finite
from lib.triggers import append_only


class EventQuerySet(models.QuerySet["Event"]):
    def last_time(
        self,
        *,
        customer_id: int,
        names: Sequence[str],
        since: datetime,
        until: datetime,
        subscription_refs: Sequence[str],
    ) -> datetime | None:
        """
        Return the time of the last event of these names in [since, until) that no correction voids, if there is one.

        subscription_refs: values of the events' subscription field to include; "" includes events without one.
        """
        voiding_corrections = Correction.objects.filter(event_key=OuterRef("key"))
        events = self.filter(
            ~Exists(voiding_corrections),
            customer_id=customer_id,
            name__in=names,
            occurred_at__gte=since,
            occurred_at__lt=until,
            subscription_ref__in=subscription_refs,
        )
        last_time: datetime | None = events.aggregate(last_time=Max("occurred_at"))["last_time"]
        return last_time


class Event(models.Model):
    """
    One metered fact, as it was sent. Hash-partitioned by `key`, which is unique across all timestamps and customers.

    key: the first 16 bytes of a BLAKE2b digest of (live or sandbox, source, sender's id).
    digest: the same of the content as sent, which distinguishes a repeat from a conflict.
    sequence: drawn under the period's lock, so "up to this number" is an exact set of a period's events.
    customer_id: empty while the customer is unknown; no foreign key, because this is by far the largest table.
    """

    key = models.UUIDField(primary_key=True)
    digest = models.UUIDField()
    sequence = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    sandbox = models.BooleanField()
    customer_id = models.BigIntegerField(null=True)
    customer_ref = models.TextField(_("customer ID"))
    name = models.TextField()
    source = models.TextField()
    sender_id = models.TextField(_("event ID"))
    subscription_ref = models.TextField()
    properties = models.JSONField()

    objects = EventQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "billing_event"

    def __str__(self) -> str:
        return f"{self.name} {self.sender_id}"


class Counter(models.Model):
    """
    The usage of one rate of one feature in one period: the input of rating.

    rate_id: 0 if the feature has no price (a hard cap without overage).
    window_start: start of the price's own usage window, on which allowance and tiers reset.
    quantity: the sum of the values. Aggregations other than count and sum use aggregate states.
    carried: the sum of the prices that the events carry, for dynamic prices.
    fingerprint: the sum of the digests of the counted events, which proves later that they are unchanged.
    """

    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="counters", db_index=False)
    plan_feature = models.ForeignKey(
        "plans.PlanFeature", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    rate_id = models.BigIntegerField()
    window_start = models.DateTimeField()
    events = models.BigIntegerField()
    quantity = QuantityField()
    carried = QuantityField(db_default=0)
    fingerprint = models.DecimalField(max_digits=60, decimal_places=0)

    class Meta:
        constraints = [
            finite("carried", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="carried_cost_is_finite"),
            models.UniqueConstraint(
                fields=["period", "plan_feature", "rate_id", "window_start"], name="usage_is_counted_in_one_place"
            ),
            finite("events", least=0, most=10**18, name="counted_events_are_finite"),
            finite("quantity", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="counted_quantity_is_finite"),
            finite("fingerprint", least=0, most=10**59, name="counted_fingerprint_is_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity:f} in {self.events} events"


class Series(models.Model):
    """The key of a rollup: one meter in one period with these dimensions."""

    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="series", db_index=False)
    meter = models.ForeignKey("plans.Meter", on_delete=models.PROTECT, related_name="+", db_index=False)
    dimensions = models.JSONField()

    class Meta:
        verbose_name_plural = _("series")
        constraints = [
            models.UniqueConstraint(fields=["period", "meter", "dimensions"], name="usage_is_rolled_up_in_one_place")
        ]

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.dimensions.items())


class AggregateState(models.Model):
    """
    The state of a series in one window, for aggregations that are not sums: see plans/aggregation/aggregate_state.py.

    starts_at: of the window, within its period.
    span: length of the price's window, such as 1 day; empty for the whole period.
    latest_at, latest_source, latest_key: time, source and sender's id of the latest event.
    """

    pk = models.CompositePrimaryKey("series_id", "span", "starts_at")
    series = models.ForeignKey("billing.Series", on_delete=models.PROTECT, related_name="tallies", db_index=False)
    span = models.TextField()
    starts_at = models.DateTimeField()
    events = models.BigIntegerField()
    total = QuantityField()
    low = QuantityField(null=True)
    high = QuantityField(null=True)
    latest_at = models.DateTimeField(null=True)
    latest_source = models.TextField(default="", blank=True)
    latest_key = models.TextField(default="", blank=True)
    latest_value = QuantityField(null=True)
    first_at = models.DateTimeField(null=True)
    moment = QuantityField()
    members = models.BigIntegerField()

    class Meta:
        verbose_name_plural = _("tallies")
        constraints = [
            finite("events", least=0, most=10**18, name="tallied_events_are_finite"),
            finite("total", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="tallied_total_is_finite"),
            finite("low", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="tallied_low_is_finite"),
            finite("high", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="tallied_high_is_finite"),
            finite("latest_value", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="tallied_latest_is_finite"),
            # Values times microseconds: seventeen digits more than a value.
            finite("moment", least=-(10**70), most=10**70, name="tallied_moment_is_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.events} events"


class LevelChange(models.Model):
    """
    One event of a level: the input of weighted sums of levels, and the explanation of every weighted sum.

    Stored in the order of time, so that a late event finds its two neighbors.
    """

    pk = models.CompositePrimaryKey("series_id", "at", "source", "key")
    series = models.ForeignKey("billing.Series", on_delete=models.PROTECT, related_name="levels", db_index=False)
    at = models.DateTimeField()
    source = models.TextField(db_collation="C")
    key = models.TextField(db_collation="C")
    value = QuantityField()

    class Meta:
        constraints = [finite("value", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="level_is_finite")]

    def __str__(self) -> str:
        return f"{self.value:f} at {self.at:%Y-%m-%d %H:%M:%S}"


class DistinctValue(models.Model):
    """
    A distinct value of a series, and its last change in its period.

    digest: of the value, which may be too long for an index.
    """

    pk = models.CompositePrimaryKey("series_id", "digest")
    series = models.ForeignKey("billing.Series", on_delete=models.PROTECT, related_name="members", db_index=False)
    digest = models.UUIDField()
    value = models.TextField()
    at = models.DateTimeField()
    source = models.TextField()
    key = models.TextField()
    is_present = models.BooleanField()

    def __str__(self) -> str:
        return self.value


class MembershipStep(models.Model):
    """One event that adds or removes a distinct value that is charged for the time it is held."""

    pk = models.CompositePrimaryKey("series_id", "digest", "at", "source", "key")
    series = models.ForeignKey("billing.Series", on_delete=models.PROTECT, related_name="steps", db_index=False)
    digest = models.UUIDField()
    at = models.DateTimeField()
    source = models.TextField()
    key = models.TextField()
    joins = models.BooleanField()

    def __str__(self) -> str:
        return f"{'added' if self.joins else 'removed'} at {self.at:%Y-%m-%d %H:%M:%S}"


class HourlyUsage(models.Model):
    """
    The usage of one series in one hour: the input of charts and breakdowns.

    bucket: start of an hour of the customer's own clock, so that days and months of any time zone add up exactly.
    """

    pk = models.CompositePrimaryKey("series_id", "bucket")
    series = models.ForeignKey("billing.Series", on_delete=models.PROTECT, related_name="hours", db_index=False)
    bucket = models.DateTimeField()
    events = models.BigIntegerField()
    quantity = QuantityField()

    class Meta:
        constraints = [
            finite("events", least=0, most=10**18, name="rolled_up_events_are_finite"),
            finite("quantity", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="rolled_up_quantity_is_finite"),
        ]
        # Rows are inserted in the order of time, so the index has few pages and still finds the start of the last
        # weeks.
        indexes = [BrinIndex(fields=["bucket"], pages_per_range=32, autosummarize=True, name="rollup_by_hour")]

    def __str__(self) -> str:
        return f"{self.quantity:f} at {self.bucket:%Y-%m-%d %H:%M}"


class Rollup(models.Model):
    """Hourly usage with its series: a view over `Series` and `HourlyUsage`, for reading."""

    pk = models.CompositePrimaryKey("period_id", "meter_id", "bucket", "dimensions")
    period = models.ForeignKey("billing.Period", on_delete=models.DO_NOTHING, related_name="rollups")
    meter = models.ForeignKey("plans.Meter", on_delete=models.DO_NOTHING, related_name="+")
    bucket = models.DateTimeField()
    dimensions = models.JSONField()
    events = models.BigIntegerField()
    quantity = QuantityField()

    class Meta:
        managed = False
        db_table = "billing_rollup"

    def __str__(self) -> str:
        return f"{self.quantity:f} at {self.bucket:%Y-%m-%d %H:%M}"


class BilledUsage(models.Model):
    """
    The snapshot of one usage line: exactly the usage that it billed.

    high_water_mark: events of the period with a sequence up to this one are in `quantity`; later ones are late.
    quantity, events, carried, fingerprint: the counter's cumulative state when it was billed.
    corrects_line_id: of a usage credit, the line whose amount it credits; 0 for a charge. The amount billed for a
        counter is the sum of its charges less its usage credits.
    metered: the meter's quantity, if that is not the sum of the values.
    earlier: usage of earlier periods in the same window by then, rate → quantity, if the window spans several
        periods.
    """

    # A line that bills usage is issued, and triggers protect it; a period with usage is protected by its counters.
    # Foreign keys would check the same again for each line, and cost a tenth of the time of a close.
    line = models.OneToOneField(
        "invoices.Line", on_delete=models.PROTECT, primary_key=True, related_name="usage", db_constraint=False
    )
    period = models.ForeignKey(
        "billing.Period",
        on_delete=models.PROTECT,
        related_name="billed_usage",
        db_index=False,
        db_constraint=False,
    )
    plan_feature_id = models.BigIntegerField()
    rate_id = models.BigIntegerField()
    window_start = models.DateTimeField()
    high_water_mark = models.BigIntegerField()
    corrects_line_id = models.BigIntegerField(db_default=0)
    events = models.BigIntegerField()
    quantity = QuantityField()
    carried = QuantityField(db_default=0)
    metered = QuantityField(null=True)
    earlier = models.JSONField(null=True)
    fingerprint = models.DecimalField(max_digits=60, decimal_places=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "period",
                    "plan_feature_id",
                    "rate_id",
                    "window_start",
                    "high_water_mark",
                    "corrects_line_id",
                ],
                name="usage_is_billed_once_per_high_water_mark",
            ),
            finite("quantity", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="billed_quantity_is_finite"),
            finite("carried", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="billed_cost_is_finite"),
            finite("metered", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="billed_metered_quantity_is_finite"),
            finite("fingerprint", least=0, most=10**59, name="billed_fingerprint_is_finite"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.quantity:f} up to event {self.high_water_mark}"
