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

_MICROSECOND = timedelta(microseconds=1)


class EventValue(NamedTuple):
    """One event's value and its place in time, by which marks compare: time, then source, then the sender's id."""

    at: datetime
    source: str
    key: str
    value: Decimal


class UsageWindow(NamedTuple):
    """
    The time that a quantity is of: [start, end).

    full: microseconds of the whole period of use, of which the window may be a part cut short by a start, an end or
        a change of plan. A weighted sum is divided by it, so that half a month of 10 GB is 5 GB-months.
    """

    start: datetime
    end: datetime
    full_microseconds: int


@dataclass(frozen=True, slots=True)
class AggregateState:
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
    latest: EventValue | None = None
    first_at: datetime | None = None
    moment: Decimal = ZERO
    members: int = 0


EMPTY = AggregateState()


def aggregate_event(event: EventValue, start: datetime) -> AggregateState:
    """Return what one event adds: as a value, and as a delta at its time since the window's start."""
    value = event.value
    return AggregateState(
        1, value, value, value, event, event.at, EXACT.multiply(value, Decimal(to_microseconds(event.at - start)))
    )


def merge_states(state: AggregateState, other: AggregateState) -> AggregateState:
    """
    Return the tally of the events of both.

    What levels hold for and which values are members depends on the events between, so a caller who counts those adds
    moments and members that are differences.
    """
    if not state.events:
        return other
    if not other.events:
        return state
    return AggregateState(
        events=state.events + other.events,
        total=EXACT.add(state.total, other.total),
        low=_lower(state.low, other.low),
        high=_higher(state.high, other.high),
        latest=max(state.latest, other.latest) if state.latest and other.latest else state.latest or other.latest,
        first_at=min(state.first_at, other.first_at) if state.first_at and other.first_at else None,
        moment=EXACT.add(state.moment, other.moment),
        members=state.members + other.members,
    )


def compute_quantity(aggregation: Aggregation, state: AggregateState, *, opening: Decimal = ZERO) -> Decimal:
    """
    Return the quantity that an aggregation other than the weighted sum makes of a window's events.

    opening: the level that a recurring meter enters the window with; zero otherwise.

    Source: docs/metering.md#aggregations.
    """
    if aggregation == "count":
        return Decimal(state.events)
    if aggregation == "sum":
        return EXACT.add(opening, state.total)
    if aggregation == "max":
        return state.high if state.high is not None else ZERO
    if aggregation == "min":
        return state.low if state.low is not None else ZERO
    if aggregation == "average":
        return round_to(Fraction(state.total) / state.events, QUOTIENT).normalize(EXACT) if state.events else ZERO
    if aggregation == "latest":
        return state.latest.value if state.latest is not None else opening
    if aggregation == "unique":
        return EXACT.add(opening, Decimal(state.members))
    raise ValueError(f"A {aggregation} is not a quantity of events alone: see integral().")


def to_microseconds(duration: timedelta) -> int:
    """Return a span in whole microseconds."""
    return duration // _MICROSECOND


def _lower(value: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if value is None else value if other is None else min(value, other)


def _higher(value: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if value is None else value if other is None else max(value, other)
