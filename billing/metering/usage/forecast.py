"""Forecast of a running period: a range between two paces."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing.metering.usage.current_usage import Pace, PeriodUsage, current_usage
from billing.metering.usage.usage_summary import Day, read_usage_by_day
from customers.models import Customer
from lib.decimals import ZERO

LATELY = timedelta(days=7)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)

MIN_FORECAST_SHARE = Fraction(1, 10)
"""Share of a period that must have passed before its forecast is shown."""


@dataclass(frozen=True, slots=True)
class PeriodForecast:
    """
    A running period, and the expected cost of its usage at its end.

    so_far: if usage continues at the pace of the period so far.
    lately: if it continues at the pace of the last seven days; the same if those are the whole period.
    is_telling: whether enough of the period has passed for either to mean anything.

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


def forecast_periods(*, customer: Customer, at: datetime) -> list[PeriodForecast]:
    """Return a forecast for each of a customer's running periods, in a fixed number of queries."""
    usages = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at)
    if not usages:
        return []
    paces = _compute_paces(customer, usages, at=at)
    at_paces = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at, paces=paces)
    lately = {usage.period_id: usage.projected for usage in at_paces}
    return [
        PeriodForecast(
            usage,
            usage.projected,
            lately.get(usage.period_id, usage.projected),
            is_forecast_reliable(_elapsed_share(usage, at)),
        )
        for usage in usages
    ]


def is_forecast_reliable(elapsed_share: Fraction) -> bool:
    """Return whether enough of a period has passed for its forecast to be shown: docs/alerts.md#forecasts."""
    return elapsed_share >= MIN_FORECAST_SHARE


def compute_pace(*, recent: Decimal, over: timedelta, before: Decimal, since: timedelta) -> Fraction:
    """
    Return the recent pace of usage, relative to that since a period started: 2 is twice as fast.

    recent: used in the time `over`; before: used in the time `since`. 1 if nothing can be inferred.

    Source: docs/portal.md#forecasts.
    """
    if recent <= 0 or before <= 0 or over <= timedelta(0) or since <= timedelta(0):
        return Fraction(0) if before > 0 and recent <= 0 else Fraction(1)
    return Fraction(recent) / (over // MICROSECOND) * (since // MICROSECOND) / Fraction(before)


def _compute_paces(customer: Customer, usages: Sequence[PeriodUsage], *, at: datetime) -> Mapping[Pace, Fraction]:
    """
    Return the pace of each meter in each period, by the customer's calendar days; today counts as far as it has
    passed.
    """
    zone = ZoneInfo(customer.time_zone)
    today = at.astimezone(zone).date()
    week = datetime.combine(today - LATELY, time.min, zone)
    since = min([week, *(usage.starts_at for usage in usages)])
    days = read_usage_by_day(customer_id=customer.pk, since=since, until=at + DAY, zone=zone)
    first = min((day.day for day in days), default=today)
    # A customer of three days has no pace of seven.
    week = max(week, datetime.combine(first, time.min, zone))
    paces = {}
    for usage in usages:
        began = usage.starts_at.astimezone(zone).date()
        for meter in {feature.terms.meter_id for feature in usage.features}:
            recent = _sum_used(days, meter, since=week.date())
            before = _sum_used(days, meter, since=began)
            paces[usage.period_id, meter] = compute_pace(
                recent=recent, over=at - week, before=before, since=at - usage.starts_at
            )
    return paces


def _sum_used(days: Iterable[Day], meter: int, *, since: date) -> Decimal:
    return sum((day.tally.total for day in days if day.meter_id == meter and day.day >= since), ZERO)


def _elapsed_share(usage: PeriodUsage, at: datetime) -> Fraction:
    return Fraction((at - usage.starts_at) // MICROSECOND, (usage.ends_at - usage.starts_at) // MICROSECOND)
