"""A level held over time: gigabyte-months, seat-days."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from lib.decimals import EXACT, ZERO
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT, AggregateState, EventValue, UsageWindow, to_microseconds

Measures = Literal["deltas", "levels"]
"""Whether an event says by how much the level changed, or what it is from then on."""


class LevelSpan(NamedTuple):
    """A level from one moment to the next: what explains a weighted sum."""

    level: Decimal
    start: datetime
    end: datetime


def weighted_sum(
    measures: Measures,
    state: AggregateState,
    window: UsageWindow,
    *,
    opening: Decimal = ZERO,
    until: datetime | None = None,
) -> Decimal:
    """
    Return Σ level × the time it was held ÷ the whole period of use.

    opening: the level that the window is entered with.
    until: count what was held so far, up to this moment within the window; its end if not given.

    The integral is exact; the quotient is rounded half-up to twelve places where it has no exact decimal form.

    Source: docs/metering.md#weighted-sum.
    """
    end = window.end if until is None else min(until, window.end)
    if state.latest is not None:
        end = max(end, state.latest.at)  # an event may be a little ahead of the clock that it is read by
    level_integral = integrate_level(measures, state, start=window.start, end=end, opening=opening)
    return round_to(Fraction(level_integral) / window.full_microseconds, QUOTIENT).normalize(EXACT)


def integrate_level(
    measures: Measures, state: AggregateState, *, start: datetime, end: datetime, opening: Decimal = ZERO
) -> Decimal:
    """Return Σ level × microseconds held from `start` to `end`, which is not before the last event, exactly."""
    if measures == "deltas":
        undelayed = EXACT.multiply(EXACT.add(opening, state.total), Decimal(to_microseconds(end - start)))
        return EXACT.subtract(undelayed, state.moment)
    if state.first_at is None or state.latest is None:
        return EXACT.multiply(opening, Decimal(to_microseconds(end - start)))
    before = EXACT.multiply(opening, Decimal(to_microseconds(state.first_at - start)))
    after = EXACT.multiply(state.latest.value, Decimal(to_microseconds(end - state.latest.at)))
    return EXACT.add(EXACT.add(before, state.moment), after)


def closing_level(measures: Measures, state: AggregateState, *, opening: Decimal = ZERO) -> Decimal:
    """Return the level that the window is left with, and a recurring meter enters the next one with."""
    if measures == "deltas":
        return EXACT.add(opening, state.total)
    return state.latest.value if state.latest is not None else opening


def level_moment(events: Iterable[EventValue]) -> Decimal:
    """
    Return Σ level × microseconds until the next one, the last one left out.

    marks: in order; of several at one instant only the last has any time.
    """
    moment = ZERO
    for event, next_event in pairwise(events):
        moment = EXACT.add(moment, EXACT.multiply(event.value, Decimal(to_microseconds(next_event.at - event.at))))
    return moment


def level_spans(
    measures: Measures, events: Iterable[EventValue], window: UsageWindow, *, opening: Decimal = ZERO
) -> Iterator[LevelSpan]:
    """Yield the levels of a window in order, without those that were held for no time."""
    level, since = opening, window.start
    for event in events:
        if event.at > since:
            yield LevelSpan(level, since, event.at)
            since = event.at
        level = event.value if measures == "levels" else EXACT.add(level, event.value)
    if since < window.end:
        yield LevelSpan(level, since, window.end)
