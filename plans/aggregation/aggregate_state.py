"""
The aggregate state of a period's events, of constant size, and the quantity that an aggregation computes from it.

The states of two sets of events merge into the state of their union, in any order. So late events are added like any
others, and a read never walks the events. (Duplicates are removed before.)
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
"""The step that quotients without an exact decimal form are rounded to, half-up: as fine as a unit price."""

_MICROSECOND = timedelta(microseconds=1)


class EventValue(NamedTuple):
    """The value of one event and its place in time. Events are ordered by time, then source, then the sender's id."""

    at: datetime
    source: str
    key: str
    value: Decimal


class UsageWindow(NamedTuple):
    """
    The time [start, end) that a quantity covers.

    full_microseconds: length of the whole usage period. A window may be a part of it, shortened by the subscription's
        start or end or by a plan change. A weighted sum is divided by it, so half a month of 10 GB is 5 GB-months.
    """

    start: datetime
    end: datetime
    full_microseconds: int


@dataclass(frozen=True, slots=True)
class AggregateState:
    """
    The aggregate state of a window's events.

    events: number of events. total: sum of their values. low, high: the smallest and the greatest value; None without
        events.
    latest: the last event. first_at: time of the first one.
    moment: for deltas, Σ value × microseconds since the window's start; for levels, Σ level × microseconds until the
        next event; for values held over time, see `held_values.held_moment`. None depends on the window's end, which
        a cancellation moves.
    members: for distinct values, the number that joined less the number that left.
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
    """Return the state of a single event, whose delta counts from its time since the window's start."""
    value = event.value
    return AggregateState(
        1, value, value, value, event, event.at, EXACT.multiply(value, Decimal(to_microseconds(event.at - start)))
    )


def merge_states(state: AggregateState, other: AggregateState) -> AggregateState:
    """
    Return the state of the events of both.

    The duration of a level, and whether a value is a member, depend on the events in between. A caller that merges
    levels or distinct values therefore passes moments and members that are differences.
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
    Return the quantity of a window's events under any aggregation but the weighted sum.

    opening: level at the window's start, for a recurring meter; zero otherwise.

    :raises ValueError: if the aggregation is a weighted sum.

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
    """Return a duration in whole microseconds."""
    return duration // _MICROSECOND


def _lower(value: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if value is None else value if other is None else min(value, other)


def _higher(value: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if value is None else value if other is None else max(value, other)
