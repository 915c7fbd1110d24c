"""What a running period is expected to come to: a range between two paces, not one figure that pretends to know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing.limits.alerts.thresholds import is_forecast_reliable
from billing.metering.usage.current_usage import Pace, PeriodUsage, current_usage
from billing.metering.usage.usage_summary import Day, by_day
from customers.models import Customer
from lib.decimals import ZERO

LATELY = timedelta(days=7)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expected:
    """
    A running period, and what usage will have cost at its end.

    so_far: if use goes on as it has since the period began. lately: as it has in the last seven days; the same where
    those are no other days. is_telling: whether enough of the period has passed for either to mean something.

    Source: docs/portal.md#forecasts.
    """

    usage: PeriodUsage
    so_far: Decimal
    lately: Decimal
    is_telling: bool

    @property
    def least(self) -> Decimal:
        return min(self.so_far, self.lately)

    @property
    def most(self) -> Decimal:
        return max(self.so_far, self.lately)


def expected(*, customer: Customer, at: datetime) -> list[Expected]:
    """Return a customer's running periods with what each is expected to come to: in a fixed number of queries."""
    named = {"customer": customer.external_id, "sandbox": customer.sandbox, "at": at}
    running = current_usage(**named)
    if not running:
        return []
    paces = _paces(customer, running, at=at)
    lately = {one.period_id: one.projected for one in current_usage(**named, paces=paces)}
    return [
        Expected(one, one.projected, lately.get(one.period_id, one.projected), is_forecast_reliable(_passed(one, at)))
        for one in running
    ]


def pace_of(*, recent: Decimal, over: timedelta, before: Decimal, since: timedelta) -> Fraction:
    """
    Return how much faster something was used lately than since a period began: 2 is twice as fast.

    recent: used in the time `over`; before: used in the time `since`. 1 where nothing can be said.

    Source: docs/portal.md#forecasts.
    """
    if recent <= 0 or before <= 0 or over <= timedelta(0) or since <= timedelta(0):
        return Fraction(0) if before > 0 and recent <= 0 else Fraction(1)
    return Fraction(recent) / (over // MICROSECOND) * (since // MICROSECOND) / Fraction(before)


def _paces(customer: Customer, running: Sequence[PeriodUsage], *, at: datetime) -> Mapping[Pace, Fraction]:
    """Return the pace of each meter in each period, by the customer's days, and what has passed of today."""
    zone = ZoneInfo(customer.time_zone)
    today = at.astimezone(zone).date()
    week = datetime.combine(today - LATELY, time.min, zone)
    since = min([week, *(one.starts_at for one in running)])
    days = by_day(customer_id=customer.pk, since=since, until=at + DAY, zone=zone)
    first = min((one.day for one in days), default=today)
    week = max(week, datetime.combine(first, time.min, zone))
    found = {}
    for one in running:
        began = one.starts_at.astimezone(zone).date()
        for meter in {feature.terms.meter_id for feature in one.features}:
            recent = _used(days, meter, since=week.date())
            before = _used(days, meter, since=began)
            found[one.period_id, meter] = pace_of(
                recent=recent, over=at - week, before=before, since=at - one.starts_at
            )
    return found


def _used(days: Iterable[Day], meter: int, *, since: date) -> Decimal:
    return sum((one.tally.total for one in days if one.meter_id == meter and one.day >= since), ZERO)


def _passed(one: PeriodUsage, at: datetime) -> Fraction:
    return Fraction((at - one.starts_at) // MICROSECOND, (one.ends_at - one.starts_at) // MICROSECOND)
