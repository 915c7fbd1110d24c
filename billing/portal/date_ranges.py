"""Which days a page of usage is of: those of the running period, or of the one before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.metering.usage.current_usage import PeriodUsage
from billing.models import Period
from billing.models.periods import PeriodKind
from customers.portal.visit import Visit

DAY = timedelta(days=1)
USUAL = timedelta(days=30)
"""Shown where no subscription runs."""

LONGEST = timedelta(days=370)
"""Days that a page tells one by one at most; of a longer period its last ones."""


MOST_EARLIER = 100
"""Periods that are looked through for those of the time before."""


@dataclass(frozen=True, slots=True)
class Days:
    """
    Half-open, by the customer's clocks.

    period_ids: what is counted is what these periods counted: their first and last day are parts of days. None: all.
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

    def each(self) -> list[date]:
        """Return the days, in order."""
        return [self.first + DAY * place for place in range((self.end - self.first).days)]


@dataclass(frozen=True, slots=True)
class Spans:
    """The running period and the one before it, which may never have been."""

    now: Days
    before: Days | None


def spans(visit: Visit, running: Sequence[PeriodUsage]) -> Spans:
    """Return which days are the running periods' and which were those before, in one query."""
    zone = ZoneInfo(visit.customer.time_zone)
    if not running:
        today = visit.at.astimezone(zone).date()
        now = Days(today + DAY - USUAL, today + DAY, zone)
        return Spans(now, Days(now.first - USUAL, now.first, zone))
    starts_at = min(one.starts_at for one in running)
    ids = tuple(one.period_id for one in running)
    now = _days(starts_at, max(one.ends_at for one in running), zone, ids)
    rows = Period.objects.filter(kind=PeriodKind.REGULAR, ends_at__lte=starts_at, ends_at__gt=starts_at - LONGEST)
    earlier = visit.own_rows(rows, "subscription__customer").order_by("-ends_at")[:MOST_EARLIER]
    found = list(earlier.values_list("pk", "starts_at", "ends_at"))
    if not found:
        return Spans(now, None)
    begins_at = found[0][1]
    same = [one for one in found if one[2] > begins_at]
    ids = tuple(pk for pk, *_ in same)
    return Spans(now, _days(min(one[1] for one in same), found[0][2], zone, ids))


def _days(starts_at: datetime, ends_at: datetime, zone: ZoneInfo, period_ids: tuple[int, ...]) -> Days:
    first = starts_at.astimezone(zone).date()
    end = (ends_at - timedelta(microseconds=1)).astimezone(zone).date() + DAY
    return Days(max(first, end - LONGEST), end, zone, period_ids)
