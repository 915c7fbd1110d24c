"""Distinct values counted by the time for which they are held: seat-months by the second or by the day."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from typing import Literal

from lib.decimals import EXACT
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT, AggregateState, to_microseconds
from plans.aggregation.distinct_values import MembershipChange

HeldBy = Literal["", "second", "day"]
"""
Whether a value is held for exact time, or for each whole day of the customer's calendar on which it is held; empty if
values are only counted.
"""

_TICK = timedelta.resolution
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def position(at: datetime, by: HeldBy, zone: tzinfo, *, ends: bool = False) -> int:
    """
    Return the place of a time in microseconds, or in days of a time zone; only differences have a meaning.

    ends: whether a value is held until then: a day on which it was held at any moment counts as a whole.
    """
    if by == "second":
        return to_microseconds(at - _EPOCH)
    if ends:
        return (at - _TICK).astimezone(zone).toordinal() + 1
    return at.astimezone(zone).toordinal()


def held_moment(steps: Iterable[MembershipChange], by: HeldBy, zone: tzinfo, *, was_member: bool) -> int:
    """
    Return Σ position of each start of holding a value − Σ position of each end, in one period.

    steps: the value's changes of the period, in any order. was_member: whether it was held at the period's start.

    The value is held for `members × end − was_member × start − moment`, whatever the period's end: a constant-size
    state therefore holds the sum over all values. Of several changes at one time, the last one holds: a value that
    joins and leaves at the same instant is held for no time.
    """
    moment, is_held, counted_until = 0, was_member, None
    for _, simultaneous in groupby(sorted(steps), key=attrgetter("at")):
        *_, step = simultaneous
        if step.joins == is_held:
            continue
        is_held = step.joins
        place = position(step.at, by, zone, ends=not is_held)
        if is_held and counted_until is not None:
            place = max(place, counted_until)  # a day on which it ended and started again counts once
        if not is_held:
            counted_until = place
        moment += place if is_held else -place
    return moment


def held_quantity(
    state: AggregateState,
    by: HeldBy,
    zone: tzinfo,
    *,
    opening: Decimal,
    start: datetime,
    end: datetime,
    interval: tuple[datetime, datetime],
    until: datetime | None = None,
) -> Decimal:
    """
    Return Σ time for which each value is held ÷ the whole interval, that of a value held throughout being 1.

    opening: number of values held at the start of the period [start, end). interval: start and end of the whole
        interval that the period is a part of.
    until: a time up to which the values count, within the period; its end by default.

    The time is exact. The quotient is rounded half-up to twelve places if it has no exact decimal form.

    Source: docs/metering.md#held-values.
    """
    last = position(end, by, zone)  # the day on which a period ends belongs to the next one
    if until is not None and until < end:
        if state.latest is not None:
            until = max(until, state.latest.at)  # an event's time may be slightly ahead of the reader's clock
        last = min(last, position(until, by, zone, ends=True))
    members = EXACT.add(opening, Decimal(state.members))
    held = EXACT.subtract(
        EXACT.subtract(
            EXACT.multiply(members, Decimal(last)), EXACT.multiply(opening, Decimal(position(start, by, zone)))
        ),
        state.moment,
    )
    whole = position(interval[1], by, zone) - position(interval[0], by, zone)
    return round_to(Fraction(held) / whole, QUOTIENT).normalize(EXACT)
