"""
The period calendar: the start and end of billing periods.

Every boundary is computed from the anchor, `anchor + n intervals`, never from the previous boundary, so it is clamped
to short months and never drifts. Boundaries are wall-clock times in the customer's zone, returned in UTC.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import NamedTuple

from plans.pricing.period_anchor import MONTHS, Anchor, AnchorKind, Interval, IntervalUnit, to_utc

__all__ = [
    "Anchor",
    "AnchorKind",
    "CalendarPeriod",
    "Interval",
    "IntervalUnit",
    "OutsideCalendar",
    "boundary",
    "iterate_periods",
    "period_containing",
]

MONTHS_OF_A_YEAR = 12


class OutsideCalendar(ValueError):
    """A time or a period that the calendar does not contain."""


class CalendarPeriod(NamedTuple):
    """The n-th half-open interval [start, end) of an anchor, in UTC."""

    n: int
    start: datetime
    end: datetime


def boundary(anchor: Anchor, n: int) -> datetime:
    """
    Return the start of the anchor's n-th interval, which is the end of the previous one, in UTC.

    n: any whole number; 0 is the interval that contains `anchor.at`, which for an anniversary begins at `at` itself.

    In a month without that day the boundary is the last day (31 Jan → 28 Feb → 31 Mar). A local time that a clock
    change skips moves forward by the skipped time; of a local time that occurs twice, the first counts. Hours are
    elapsed time, so a clock change does not shorten or lengthen an interval of hours.

    :raises OutsideCalendar: if the boundary is not within the years 1 to 9999.

    Source: docs/pricing.md#periods.
    """
    if n == 0 and anchor.kind == "anniversary":
        return to_utc(anchor.at)
    try:
        if anchor.interval.hours:
            return _hour_origin(anchor) + timedelta(hours=anchor.interval.hours * n)
        local = _add_intervals(_origin(anchor), anchor.interval, n)
        # zoneinfo reads a skipped time by the offset before the gap, which moves it forward as documented.
        return local.replace(tzinfo=anchor.zone).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise OutsideCalendar(f"Interval {n} of {anchor.interval} from {anchor.at} has no date.") from error


def period_containing(
    anchor: Anchor, at: datetime, *, start: datetime | None = None, end: datetime | None = None
) -> CalendarPeriod:
    """
    Return the period that contains a time.

    start: start of the subscription, which shortens its first period (a stub); the anchor's `at` by default.
    end: end of the subscription, which shortens its last period; open by default.

    :raises OutsideCalendar: if the time is before `start`, or not before `end`.

    Source: docs/pricing.md#periods.
    """
    moment = to_utc(at)
    first = to_utc(start or anchor.at)
    if moment < first:
        raise OutsideCalendar(f"{moment} is before the first period, which starts at {first}.")
    if end is not None and moment >= to_utc(end):
        raise OutsideCalendar(f"{moment} is after the last period, which ends at {to_utc(end)}.")
    return _clipped_period(anchor, _interval_number(anchor, moment), first, end)


def iterate_periods(
    anchor: Anchor, *, until: datetime, start: datetime | None = None, end: datetime | None = None
) -> Iterator[CalendarPeriod]:
    """
    Yield the periods that begin before `until`, in order, without gap or overlap.

    start, end: of the subscription, as in `period_containing`; they shorten the first and the last period.

    A period that a clock change leaves empty (a day that its zone skipped) is omitted.
    """
    first = to_utc(start or anchor.at)
    horizon = to_utc(until) if end is None else min(to_utc(until), to_utc(end))
    for n in count(_interval_number(anchor, first)):
        period = _clipped_period(anchor, n, first, end)
        if period.start >= horizon:
            return
        if period.start < period.end:
            yield period


def _clipped_period(anchor: Anchor, n: int, first: datetime, end: datetime | None) -> CalendarPeriod:
    period_start, period_end = max(boundary(anchor, n), first), boundary(anchor, n + 1)
    return CalendarPeriod(n, period_start, period_end if end is None else min(period_end, to_utc(end)))


def _interval_number(anchor: Anchor, moment: datetime) -> int:
    """
    Return the number of the interval that contains a time: estimated from the dates, then corrected by its
    boundaries.
    """
    origin, local = _origin(anchor), moment.astimezone(anchor.zone)
    if hours := anchor.interval.hours:
        return (moment - _hour_origin(anchor)) // timedelta(hours=hours)
    if months := anchor.interval.months:
        n = ((local.year - origin.year) * MONTHS_OF_A_YEAR + local.month - origin.month) // months
    else:
        n = (local.date() - origin.date()).days // anchor.interval.days
    while boundary(anchor, n) > moment:
        n -= 1
    while boundary(anchor, n + 1) <= moment:
        n += 1
    return n


def _hour_origin(anchor: Anchor) -> datetime:
    """Return the time that intervals of hours are counted from, in UTC."""
    if anchor.kind == "anniversary":
        return to_utc(anchor.at)
    return _origin(anchor).replace(tzinfo=anchor.zone).astimezone(UTC)


def _origin(anchor: Anchor) -> datetime:
    """Return the local wall-clock time that intervals are counted from, without its zone."""
    local = anchor.at.astimezone(anchor.zone).replace(tzinfo=None, fold=0)
    if anchor.kind == "anniversary":
        return local
    midnight = datetime.combine(local, time())
    if anchor.interval.unit in ("hour", "day"):
        return midnight
    if anchor.interval.unit == "week":
        return midnight - timedelta(days=local.weekday())
    block_months = anchor.interval.months
    if MONTHS_OF_A_YEAR % block_months:
        block_months = MONTHS[anchor.interval.unit]
    return midnight.replace(month=(local.month - 1) // block_months * block_months + 1, day=1)


def _add_intervals(origin: datetime, interval: Interval, n: int) -> datetime:
    if interval.days:
        return origin + timedelta(days=interval.days * n)
    months = origin.year * MONTHS_OF_A_YEAR + origin.month - 1 + interval.months * n
    year, month = months // MONTHS_OF_A_YEAR, months % MONTHS_OF_A_YEAR + 1
    return origin.replace(year=year, month=month, day=min(origin.day, monthrange(year, month)[1]))
