"""A level weighted by the time it lasts: gigabyte-months, seat-days."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from lib.decimals import EXACT, ZERO
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT, AggregateState, EventValue, UsageWindow, to_microseconds

Measures = Literal["deltas", "levels"]
"""Whether an event's value is the change of the level or the new level."""


def weighted_sum(
    measures: Measures,
    state: AggregateState,
    window: UsageWindow,
    *,
    opening: Decimal = ZERO,
    until: datetime | None = None,
) -> Decimal:
    """
    Return Σ level × duration ÷ the whole usage period.

    opening: level at the window's start.
    until: a time within the window up to which the level counts; the window's end by default.

    The integral is exact. The quotient is rounded half-up to twelve places if it has no exact decimal form.

    Source: docs/metering.md#weighted-sum.
    """
    end = window.end if until is None else min(until, window.end)
    if state.latest is not None:
        end = max(end, state.latest.at)  # an event's time may be slightly ahead of the reader's clock
    level_integral = integrate_level(measures, state, start=window.start, end=end, opening=opening)
    return round_to(Fraction(level_integral) / window.full_microseconds, QUOTIENT).normalize(EXACT)


def integrate_level(
    measures: Measures, state: AggregateState, *, start: datetime, end: datetime, opening: Decimal = ZERO
) -> Decimal:
    """Return Σ level × microseconds from `start` to `end`, exactly. `end` must not be before the last event."""
    if measures == "deltas":
        # Count every delta from the window's start, then subtract the time before each delta, which `moment` sums.
        from_start = EXACT.multiply(EXACT.add(opening, state.total), Decimal(to_microseconds(end - start)))
        return EXACT.subtract(from_start, state.moment)
    if state.first_at is None or state.latest is None:
        return EXACT.multiply(opening, Decimal(to_microseconds(end - start)))
    before = EXACT.multiply(opening, Decimal(to_microseconds(state.first_at - start)))
    after = EXACT.multiply(state.latest.value, Decimal(to_microseconds(end - state.latest.at)))
    return EXACT.add(EXACT.add(before, state.moment), after)


def level_moment(events: Iterable[EventValue]) -> Decimal:
    """
    Return Σ level × microseconds until the next event; the last event is not counted.

    events: in order; of several at the same time, only the last one has a duration.
    """
    moment = ZERO
    for event, next_event in pairwise(events):
        moment = EXACT.add(moment, EXACT.multiply(event.value, Decimal(to_microseconds(next_event.at - event.at))))
    return moment
