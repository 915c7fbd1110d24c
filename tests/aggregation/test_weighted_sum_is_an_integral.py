"""A weighted sum is the level of every second, summed and divided by the period."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction as F
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.decimals import EXACT, exact_sum
from plans.aggregation.aggregate_state import (
    EMPTY,
    QUOTIENT,
    AggregateState,
    EventValue,
    aggregate_event,
    merge_states,
)
from plans.aggregation.weighted_sum import integrate_level, level_moment, weighted_sum
from tests.aggregation.strategies import END, SECONDS, START, WINDOW, marks, values
from tests.pricing.strategies import LAW

D = Decimal


def aggregate_all(measures: str, events: list[EventValue], start: datetime = START) -> AggregateState:
    total = reduce(merge_states, (aggregate_event(mark, start) for mark in events), EMPTY)
    if measures == "deltas":
        return total
    return AggregateState(latest=total.latest, first_at=total.first_at, moment=level_moment(sorted(events)))


def second_by_second(measures: str, events: list[EventValue], opening: Decimal, until: int) -> F:
    """Compute the level at every second from all events."""
    level_sum = F(0)
    for second in range(until):
        now = START + timedelta(seconds=second)
        so_far = sorted(mark for mark in events if mark.at <= now)
        if measures == "deltas":
            level_sum += F(opening) + sum(F(mark.value) for mark in so_far)
        else:
            level_sum += F(so_far[-1].value) if so_far else F(opening)
    return level_sum / SECONDS


@pytest.mark.parametrize("measures", ["deltas", "levels"])
@LAW
@given(events=marks(), opening=values, until=st.integers(0, SECONDS))
def test_it_is_the_level_of_every_second(measures, events, opening, until):
    at = START + timedelta(seconds=until)
    # A read during the period knows no later events.
    known = [mark for mark in events if mark.at < at]
    computed = weighted_sum(measures, aggregate_all(measures, known), WINDOW, opening=opening, until=at)
    assert abs(F(computed) - second_by_second(measures, known, opening, until)) <= F(QUOTIENT) / 2


def test_half_a_month_of_ten_is_five():
    half = WINDOW._replace(full_microseconds=WINDOW.full_microseconds * 2)
    mark = EventValue(START, "", "e", D(10))
    assert weighted_sum("deltas", aggregate_event(mark, START), half) == D(5)


@pytest.mark.parametrize("measures", ["deltas", "levels"])
@LAW
@given(events=marks(), opening=values, split=st.integers(1, SECONDS - 1))
def test_any_split_of_a_period_gives_the_same_total(measures, events, opening, split):
    at = START + timedelta(seconds=split)
    before, after = [mark for mark in events if mark.at < at], [mark for mark in events if mark.at >= at]
    level = last_level(measures, before, opening)
    whole = integrate_level(measures, aggregate_all(measures, events), start=START, end=END, opening=opening)
    first = integrate_level(measures, aggregate_all(measures, before), start=START, end=at, opening=opening)
    second = integrate_level(measures, aggregate_all(measures, after, at), start=at, end=END, opening=level)
    assert EXACT.add(first, second) == whole


def last_level(measures: str, events: list[EventValue], opening: Decimal) -> Decimal:
    """Return the level after these events."""
    if measures == "deltas":
        return exact_sum([opening, *(mark.value for mark in events)])
    return max(events).value if events else opening
