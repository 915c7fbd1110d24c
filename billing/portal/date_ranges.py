"""The days that a usage page covers: those of the running periods, or of the previous one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.metering.usage.current_usage import PeriodUsage
from billing.models import Period
from billing.models.periods import PeriodKind
from customers.portal.visit import Visit

DAY = timedelta(days=1)
DEFAULT_RANGE = timedelta(days=30)
"""Shown if no subscription is active."""

MAX_RANGE = timedelta(days=370)
"""The most days that a page lists; of a longer period, the last ones."""


MAX_EARLIER_PERIODS = 100
"""Number of earlier periods searched for the previous one."""


@dataclass(frozen=True, slots=True)
class Days:
    """
    Half-open, in the customer's time zone.

    period_ids: limit to the usage that these periods counted, because their first and last days may be partial. None:
        all usage.
    """

    first: date
    end: date
    zone: ZoneInfo
    period_ids: tuple[int, ...] | None = None

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time.min, self.zone)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.end, time.min, self.zone)

    def until_day(self, day: date) -> "Days":
        """Return these days without those after a day."""
        return replace(self, end=max(self.first, min(self.end, day + DAY)))

    def first_days(self, count: int) -> "Days":
        """Return the first days, at most `count`."""
        return replace(self, end=min(self.end, self.first + DAY * count))

    def each(self) -> list[date]:
        """Return the days, in order."""
        return [self.first + DAY * offset for offset in range((self.end - self.first).days)]


@dataclass(frozen=True, slots=True)
class Spans:
    """The days of the running periods, and of the previous one if there was one."""

    now: Days
    before: Days | None


def spans(visit: Visit, running: Sequence[PeriodUsage]) -> Spans:
    """Return the days of the running periods and of the previous one, in one query."""
    zone = ZoneInfo(visit.customer.time_zone)
    if not running:
        today = visit.at.astimezone(zone).date()
        now = Days(today + DAY - DEFAULT_RANGE, today + DAY, zone)
        return Spans(now, Days(now.first - DEFAULT_RANGE, now.first, zone))
    starts_at = min(usage.starts_at for usage in running)
    ids = tuple(usage.period_id for usage in running)
    now = _days(starts_at, max(usage.ends_at for usage in running), zone, ids)
    rows = Period.objects.filter(kind=PeriodKind.REGULAR, ends_at__lte=starts_at, ends_at__gt=starts_at - MAX_RANGE)
    earlier = visit.own_rows(rows, "subscription__customer").order_by("-ends_at")[:MAX_EARLIER_PERIODS]
    earlier_periods = list(earlier.values_list("pk", "starts_at", "ends_at"))
    if not earlier_periods:
        return Spans(now, None)
    last_start = earlier_periods[0][1]
    previous = [row for row in earlier_periods if row[2] > last_start]
    ids = tuple(pk for pk, *_ in previous)
    return Spans(now, _days(min(row[1] for row in previous), earlier_periods[0][2], zone, ids))


def _days(starts_at: datetime, ends_at: datetime, zone: ZoneInfo, period_ids: tuple[int, ...]) -> Days:
    first = starts_at.astimezone(zone).date()
    end = (ends_at - timedelta(microseconds=1)).astimezone(zone).date() + DAY
    return Days(max(first, end - MAX_RANGE), end, zone, period_ids)
