"""Which days a page of usage is of: those of the running period, or of the one before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.models import Period
from billing.models.periods import PeriodKind
from billing.usage.current import PeriodUsage
from customers.portal.visiting import Visit

DAY = timedelta(days=1)
USUAL = timedelta(days=30)
"""Shown where no subscription runs."""

LONGEST = timedelta(days=370)
"""Days that a page tells one by one at most; of a longer period its last ones."""


@dataclass(frozen=True, slots=True)
class Days:
    """Half-open, by the customer's clocks."""

    first: date
    end: date
    zone: ZoneInfo

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time.min, self.zone)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.end, time.min, self.zone)

    def each(self) -> list[date]:
        """Return the days, in order."""
        return [self.first + DAY * place for place in range((self.end - self.first).days)]


@dataclass(frozen=True, slots=True)
class Spans:
    """The running period and the one before it, which may never have been."""

    now: Days
    before: Days | None


def spans(visit: Visit, running: Sequence[PeriodUsage]) -> Spans:
    """Return which days are the running period's and which were the one before's, in one query."""
    zone = ZoneInfo(visit.customer.time_zone)
    if not running:
        today = visit.at.astimezone(zone).date()
        now = Days(today + DAY - USUAL, today + DAY, zone)
        return Spans(now, Days(now.first - USUAL, now.first, zone))
    starts_at = min(one.starts_at for one in running)
    now = _days(starts_at, max(one.ends_at for one in running), zone)
    rows = Period.objects.filter(kind=PeriodKind.REGULAR, ends_at__lte=starts_at, ends_at__gt=starts_at - LONGEST)
    last = visit.own(rows, "subscription__customer").order_by("-ends_at").values_list("starts_at", "ends_at").first()
    return Spans(now, _days(*last, zone) if last else None)


def _days(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> Days:
    first, end = (
        starts_at.astimezone(zone).date(),
        (ends_at - timedelta(microseconds=1)).astimezone(zone).date() + DAY,
    )
    return Days(max(first, end - LONGEST), end, zone)
