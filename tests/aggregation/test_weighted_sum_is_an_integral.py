"""A weighted sum is the level of every second, added up and divided by the period."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction as F
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.aggregation.aggregate_state import (
    EMPTY,
    QUOTIENT,
    AggregateState,
    EventValue,
    aggregate_event,
    merge_states,
)
from plans.aggregation.weighted_sum import LevelSpan, closing_level, level_moment, level_spans, weighted_sum
from tests.aggregation.strategies import END, SECONDS, START, WINDOW, marks, values
from tests.pricing.strategies import LAW

D = Decimal


def tally(measures: str, found: list[EventValue]) -> AggregateState:
    total = reduce(merge_states, (aggregate_event(mark, START) for mark in found), EMPTY)
    if measures == "deltas":
        return total
    return AggregateState(latest=total.latest, first_at=total.first_at, moment=level_moment(sorted(found)))


def second_by_second(measures: str, found: list[EventValue], opening: Decimal, until: int) -> F:
    """Walk the seconds, and ask all events at each of them what the level is."""
    held = F(0)
    for second in range(until):
        now = START + timedelta(seconds=second)
        so_far = sorted(mark for mark in found if mark.at <= now)
        if measures == "deltas":
            held += F(opening) + sum(F(mark.value) for mark in so_far)
        else:
            held += F(so_far[-1].value) if so_far else F(opening)
    return held / SECONDS


@pytest.mark.parametrize("measures", ["deltas", "levels"])
@LAW
@given(found=marks(), opening=values, until=st.integers(0, SECONDS))
def test_it_is_the_level_of_every_second(measures, found, opening, until):
    at = START + timedelta(seconds=until)
    # A read at a moment of the running period knows of no later events.
    known = [mark for mark in found if mark.at < at]
    ours = weighted_sum(measures, tally(measures, known), WINDOW, opening=opening, until=at)
    assert abs(F(ours) - second_by_second(measures, known, opening, until)) <= F(QUOTIENT) / 2


@pytest.mark.parametrize("measures", ["deltas", "levels"])
@LAW
@given(found=marks(), opening=values)
def test_the_levels_that_explain_it_tile_the_window_and_come_to_it(measures, found, opening):
    held = list(level_spans(measures, sorted(found), WINDOW, opening=opening))
    assert [held[0].start, held[-1].end] == [START, END]
    assert all(one.end == following.start for one, following in pairwise(held))
    assert all(one.start < one.end for one in held)
    total = sum(F(one.level) * F((one.end - one.start) // timedelta(seconds=1)) for one in held) / SECONDS
    known = tally(measures, found)
    assert abs(F(weighted_sum(measures, known, WINDOW, opening=opening)) - total) <= F(QUOTIENT) / 2
    at_the_end = [mark for mark in found if mark.at == max(one.at for one in found)] if found else []
    if not at_the_end or max(found).at < END:
        assert held[-1].level == closing_level(measures, known, opening=opening)


def test_a_level_that_is_told_at_the_end_was_held_for_no_time():
    assert list(level_spans("levels", [EventValue(END, "", "e", D(10))], WINDOW)) == [LevelSpan(D(0), START, END)]


def test_half_a_month_of_ten_is_five():
    half = WINDOW._replace(full_microseconds=WINDOW.full_microseconds * 2)
    mark = EventValue(START, "", "e", D(10))
    assert weighted_sum("deltas", aggregate_event(mark, START), half) == D(5)
