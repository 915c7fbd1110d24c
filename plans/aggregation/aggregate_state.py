"""
What is kept of the events of one period, whatever their number, and the quantity that an aggregation makes of it.

A tally of some events and a tally of others add up to the tally of both, in any order. So events may arrive late,
repeated batches aside, and a read never walks them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from lib.decimals import EXACT, ZERO
from lib.money import round_to

Aggregation = Literal["count", "sum", "max", "min", "average", "latest", "unique", "weighted_sum"]

QUOTIENT = Decimal("1e-12")
"""A quotient that no decimal holds is rounded half-up to twelve places, as fine as a unit price."""

_TICK = timedelta(microseconds=1)


class Mark(NamedTuple):
    """One event's value and its place in time, by which marks compare: time, then source, then the sender's id."""

    at: datetime
    source: str
    key: str
    value: Decimal


class Window(NamedTuple):
    """
    The time that a quantity is of: [start, end).

    full: microseconds of the whole period of use, of which the window may be a part cut short by a start, an end or
        a change of plan. A weighted sum is divided by it, so that half a month of 10 GB is 5 GB-months.
    """

    start: datetime
    end: datetime
    full: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """
    What is kept of a window's events.

    events: how many. total: the sum of their values. low, high: the least and the greatest, None without events.
    latest: the last one. first_at: when the first one was.
    moment: of deltas, Σ value × microseconds since the window's start; of levels, Σ level × microseconds until the
        next one. Neither depends on the window's end, which a cancellation moves.
    members: of distinct values, how many came less how many went.
    """

    events: int = 0
    total: Decimal = ZERO
    low: Decimal | None = None
    high: Decimal | None = None
    latest: Mark | None = None
    first_at: datetime | None = None
    moment: Decimal = ZERO
    members: int = 0


EMPTY = Aggregate()


def tally_of(mark: Mark, start: datetime) -> Aggregate:
    """Return what one event adds: as a value, and as a delta at its time since the window's start."""
    value = mark.value
    return Aggregate(1, value, value, value, mark, mark.at, EXACT.multiply(value, Decimal(ticks(mark.at - start))))


def add(one: Aggregate, other: Aggregate) -> Aggregate:
    """
    Return the tally of the events of both.

    What levels hold for and which values are members depends on the events between, so a caller who counts those adds
    moments and members that are differences.
    """
    if not one.events:
        return other
    if not other.events:
        return one
    return Aggregate(
        events=one.events + other.events,
        total=EXACT.add(one.total, other.total),
        low=_least(one.low, other.low),
        high=_greatest(one.high, other.high),
        latest=max(one.latest, other.latest) if one.latest and other.latest else one.latest or other.latest,
        first_at=min(one.first_at, other.first_at) if one.first_at and other.first_at else None,
        moment=EXACT.add(one.moment, other.moment),
        members=one.members + other.members,
    )


def quantity(aggregation: Aggregation, tally: Aggregate, *, opening: Decimal = ZERO) -> Decimal:
    """
    Return the quantity that an aggregation other than the weighted sum makes of a window's events.

    opening: the level that a recurring meter enters the window with; zero otherwise.

    Source: docs/metering.md#aggregations.
    """
    if aggregation == "count":
        return Decimal(tally.events)
    if aggregation == "sum":
        return EXACT.add(opening, tally.total)
    if aggregation == "max":
        return tally.high if tally.high is not None else ZERO
    if aggregation == "min":
        return tally.low if tally.low is not None else ZERO
    if aggregation == "average":
        return round_to(Fraction(tally.total) / tally.events, QUOTIENT).normalize(EXACT) if tally.events else ZERO
    if aggregation == "latest":
        return tally.latest.value if tally.latest is not None else opening
    if aggregation == "unique":
        return EXACT.add(opening, Decimal(tally.members))
    raise ValueError(f"A {aggregation} is not a quantity of events alone: see integral().")


def ticks(span: timedelta) -> int:
    """Return a span in whole microseconds."""
    return span // _TICK


def _least(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else min(one, other)


def _greatest(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else max(one, other)
