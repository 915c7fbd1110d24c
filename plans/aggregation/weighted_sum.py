"""A level held over time: gigabyte-months, seat-days."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from lib.decimals import EXACT, ZERO
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT, Aggregate, Mark, Window, ticks

Measures = Literal["deltas", "levels"]
"""Whether an event says by how much the level changed, or what it is from then on."""


class Held(NamedTuple):
    """A level from one moment to the next: what explains a weighted sum."""

    level: Decimal
    start: datetime
    end: datetime


def weighted_sum(
    measures: Measures, tally: Aggregate, window: Window, *, opening: Decimal = ZERO, until: datetime | None = None
) -> Decimal:
    """
    Return Σ level × the time it was held ÷ the whole period of use.

    opening: the level that the window is entered with.
    until: count what was held so far, up to this moment within the window; its end if not given.

    The integral is exact; the quotient is rounded half-up to twelve places where it has no exact decimal form.

    Source: docs/metering.md#weighted-sum.
    """
    end = window.end if until is None else min(until, window.end)
    if tally.latest is not None:
        end = max(end, tally.latest.at)  # an event may be a little ahead of the clock that it is read by
    held = integral(measures, tally, start=window.start, end=end, opening=opening)
    return round_to(Fraction(held) / window.full, QUOTIENT).normalize(EXACT)


def integral(
    measures: Measures, tally: Aggregate, *, start: datetime, end: datetime, opening: Decimal = ZERO
) -> Decimal:
    """Return Σ level × microseconds held from `start` to `end`, which is not before the last event, exactly."""
    if measures == "deltas":
        whole = EXACT.multiply(EXACT.add(opening, tally.total), Decimal(ticks(end - start)))
        return EXACT.subtract(whole, tally.moment)
    if tally.first_at is None or tally.latest is None:
        return EXACT.multiply(opening, Decimal(ticks(end - start)))
    before = EXACT.multiply(opening, Decimal(ticks(tally.first_at - start)))
    after = EXACT.multiply(tally.latest.value, Decimal(ticks(end - tally.latest.at)))
    return EXACT.add(EXACT.add(before, tally.moment), after)


def closing_level(measures: Measures, tally: Aggregate, *, opening: Decimal = ZERO) -> Decimal:
    """Return the level that the window is left with, and a recurring meter enters the next one with."""
    if measures == "deltas":
        return EXACT.add(opening, tally.total)
    return tally.latest.value if tally.latest is not None else opening


def moment_of_levels(marks: Iterable[Mark]) -> Decimal:
    """
    Return Σ level × microseconds until the next one, the last one left out.

    marks: in order; of several at one instant only the last has any time.
    """
    held = ZERO
    for one, following in pairwise(marks):
        held = EXACT.add(held, EXACT.multiply(one.value, Decimal(ticks(following.at - one.at))))
    return held


def levels_held(
    measures: Measures, marks: Iterable[Mark], window: Window, *, opening: Decimal = ZERO
) -> Iterator[Held]:
    """Yield the levels of a window in order, without those that were held for no time."""
    level, since = opening, window.start
    for mark in marks:
        if mark.at > since:
            yield Held(level, since, mark.at)
            since = mark.at
        level = mark.value if measures == "levels" else EXACT.add(level, mark.value)
    if since < window.end:
        yield Held(level, since, window.end)
