"""
The period calendar: when periods begin and end.

Every edge is computed from the anchor, `anchor + n intervals`, never from the edge before it, so it is
clamped to short months and never drifts. Edges are wall-clock times in the customer's zone, returned in UTC.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import NamedTuple

from plans.pricing.period_anchor import MONTHS, Anchor, Interval, Kind, Unit, utc

__all__ = [
    "Anchor",
    "Interval",
    "Kind",
    "OutsideCalendar",
    "Period",
    "Unit",
    "edge",
    "iterate",
    "period_containing",
]

MONTHS_OF_A_YEAR = 12


class OutsideCalendar(ValueError):
    """A moment or a period that the calendar does not hold."""


class Period(NamedTuple):
    """The n-th half-open interval [start, end) of an anchor, in UTC."""

    n: int
    start: datetime
    end: datetime


def edge(anchor: Anchor, n: int) -> datetime:
    """
    Return where the anchor's n-th interval begins, and the one before it ends, in UTC.

    n: any whole number; 0 is the interval that holds `anchor.at`, which for an anniversary begins at `at`
        itself.

    A day that a month lacks becomes its last day (31 Jan → 28 Feb → 31 Mar). A local time that a change of
    clocks skips is shifted forward by what was skipped; of one that happens twice, the first counts.

    :raises OutsideCalendar: if the edge is not within the years 1 to 9999.

    Source: docs/pricing.md#periods.
    """
    if n == 0 and anchor.kind == "anniversary":
        return utc(anchor.at)
    try:
        local = _stepped(_origin(anchor), anchor.interval, n)
        # zoneinfo reads a skipped time by the offset before the gap, which is the shift forward that is promised
        return local.replace(tzinfo=anchor.zone).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise OutsideCalendar(f"Interval {n} of {anchor.interval} from {anchor.at} has no date.") from error


def period_containing(
    anchor: Anchor, at: datetime, *, start: datetime | None = None, end: datetime | None = None
) -> Period:
    """
    Return the period that a moment falls in.

    start: when the subscription starts, cutting its first period short (a stub); the anchor's `at` if not
        given.
    end: when the subscription ends, cutting its last period short; open if not given.

    :raises OutsideCalendar: if the moment is before `start`, or not before `end`.

    Source: docs/pricing.md#periods.
    """
    moment = utc(at)
    first = utc(start or anchor.at)
    if moment < first:
        raise OutsideCalendar(f"{moment} is before the first period, which starts at {first}.")
    if end is not None and moment >= utc(end):
        raise OutsideCalendar(f"{moment} is after the last period, which ends at {utc(end)}.")
    return _cut(anchor, _number(anchor, moment), first, end)


def iterate(
    anchor: Anchor, *, until: datetime, start: datetime | None = None, end: datetime | None = None
) -> Iterator[Period]:
    """
    Yield the periods that begin before `until`, in order, without gap or overlap.

    start, end: of the subscription, as in `period_containing`; the first and last period are cut short by
        them.

    A period that a change of clocks leaves without any time (a day that its zone skipped) is left out.
    """
    first = utc(start or anchor.at)
    horizon = utc(until) if end is None else min(utc(until), utc(end))
    for n in count(_number(anchor, first)):
        period = _cut(anchor, n, first, end)
        if period.start >= horizon:
            return
        if period.start < period.end:
            yield period


def _cut(anchor: Anchor, n: int, first: datetime, end: datetime | None) -> Period:
    start, stop = max(edge(anchor, n), first), edge(anchor, n + 1)
    return Period(n, start, stop if end is None else min(stop, utc(end)))


def _number(anchor: Anchor, moment: datetime) -> int:
    """Return the interval that holds a moment: estimated from the dates, then settled by the edges."""
    origin, local = _origin(anchor), moment.astimezone(anchor.zone)
    if step := anchor.interval.months:
        n = ((local.year - origin.year) * MONTHS_OF_A_YEAR + local.month - origin.month) // step
    else:
        n = (local.date() - origin.date()).days // anchor.interval.days
    while edge(anchor, n) > moment:
        n -= 1
    while edge(anchor, n + 1) <= moment:
        n += 1
    return n


def _origin(anchor: Anchor) -> datetime:
    """Return the local wall-clock time that intervals are counted from, without its zone."""
    local = anchor.at.astimezone(anchor.zone).replace(tzinfo=None, fold=0)
    if anchor.kind == "anniversary":
        return local
    midnight = datetime.combine(local, time())
    if anchor.interval.unit == "day":
        return midnight
    if anchor.interval.unit == "week":
        return midnight - timedelta(days=local.weekday())
    block = anchor.interval.months
    if MONTHS_OF_A_YEAR % block:
        block = MONTHS[anchor.interval.unit]
    return midnight.replace(month=(local.month - 1) // block * block + 1, day=1)


def _stepped(origin: datetime, interval: Interval, n: int) -> datetime:
    if interval.days:
        return origin + timedelta(days=interval.days * n)
    months = origin.year * MONTHS_OF_A_YEAR + origin.month - 1 + interval.months * n
    year, month = months // MONTHS_OF_A_YEAR, months % MONTHS_OF_A_YEAR + 1
    return origin.replace(year=year, month=month, day=min(origin.day, monthrange(year, month)[1]))
