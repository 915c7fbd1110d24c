"""Quotas and throttles: how many uses of a feature a time window allows, and how usage continues beyond them."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import MAX_QUANTITY, QuantityField, finite, one_of
from plans.pricing import usage_limits
from plans.triggers import frozen_with_its_version

_VERSION = "SELECT version_id FROM plans_planfeature WHERE id = {row}.plan_feature_id"


class LimitKind(models.TextChoices):
    QUOTA = "quota", _("quota: a number of uses in a time window")
    THROTTLE = "throttle", _("throttle: a number of uses per minute beyond the allowance")


class LimitMeasure(models.TextChoices):
    UNITS = "units", _("units")
    EVENTS = "events", _("events")


class WindowUnit(models.TextChoices):
    MINUTE = "minute", _("minute")
    HOUR = "hour", _("hour")
    DAY = "day", _("day (24 hours)")
    WEEK = "week", _("week (7 days)")


class WindowStart(models.TextChoices):
    SLIDING = "sliding", _("sliding: always the time before now")
    FIRST_USE = "first_use", _("from the first use until it ends")


class AfterQuota(models.TextChoices):
    REFUSE = "refuse", _("reject")
    SLOW = "slow", _("slow down")
    OVERAGE = "overage", _("continue at the overage price")


@pghistory.track()
class UsageLimit(models.Model):
    """
    A limit on the uses of a feature in a time window, apart from its allowance; it changes no price.

    A quota allows `most` uses in each window. A throttle allows `most` uses per minute beyond the allowance.

    counts: whether the units or the events of the feature are counted.
    window_unit, window_count: length of a quota's window.
    window_start: whether the window slides, or begins with the first use.
    after: how usage continues beyond a quota; with `slow`, at `slow_to` uses per minute.
    """

    plan_feature = models.ForeignKey("plans.PlanFeature", on_delete=models.CASCADE, related_name="usage_limits")
    position = models.PositiveSmallIntegerField(default=0)
    kind: "models.CharField[str, usage_limits.LimitKind]" = models.CharField(
        max_length=8, choices=LimitKind, default=LimitKind.QUOTA
    )
    counts: "models.CharField[str, usage_limits.LimitMeasure]" = models.CharField(
        max_length=6, choices=LimitMeasure, default=LimitMeasure.UNITS
    )
    most = QuantityField()
    window_count = models.PositiveSmallIntegerField(default=1)
    window_unit = models.CharField(max_length=6, choices=WindowUnit, default=WindowUnit.MINUTE)
    window_start = models.CharField(max_length=9, choices=WindowStart, default=WindowStart.SLIDING)
    after: "models.CharField[str, usage_limits.AfterQuota]" = models.CharField(
        max_length=7, choices=AfterQuota, default=AfterQuota.REFUSE
    )
    slow_to = QuantityField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan_feature", "kind", "counts", "window_unit", "window_count"],
                name="usage_is_limited_once_per_window",
            ),
            one_of("kind", LimitKind, name="usage_limit_kind_is_known"),
            one_of("counts", LimitMeasure, name="usage_limit_counts_units_or_events"),
            one_of("window_start", WindowStart, name="quota_window_start_is_known"),
            one_of("after", AfterQuota, name="usage_after_a_quota_is_known"),
            models.CheckConstraint(
                condition=Q(most__gt=0, most__lte=MAX_QUANTITY), name="usage_limit_allows_something"
            ),
            models.CheckConstraint(
                condition=Q(window_unit="minute", window_count__gte=1, window_count__lte=1440)
                | Q(window_unit="hour", window_count__gte=1, window_count__lte=720)
                | Q(window_unit="day", window_count__gte=1, window_count__lte=30)
                | Q(window_unit="week", window_count__gte=1, window_count__lte=4),
                name="quota_window_lasts_a_minute_to_thirty_days",
            ),
            models.CheckConstraint(
                condition=Q(after="slow", slow_to__isnull=False) | ~Q(after="slow") & Q(slow_to__isnull=True),
                name="only_a_slowed_quota_has_a_rate",
            ),
            models.CheckConstraint(
                condition=~Q(kind="throttle")
                | Q(window_unit="minute", window_count=1, window_start="sliding", after="refuse"),
                name="throttle_counts_the_last_minute",
            ),
            finite("slow_to", most=MAX_QUANTITY, name="slowed_uses_are_finite"),
        ]
        triggers = [frozen_with_its_version(version_of_row=_VERSION)]

    def __str__(self) -> str:
        return self.get_kind_display().partition(":")[0]
