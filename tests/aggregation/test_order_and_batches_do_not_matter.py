"""Events add up to the same tally in any order and in any batches, and an aggregation sees nothing else."""

from decimal import Decimal
from fractions import Fraction as F
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.aggregation.aggregate_state import (
    EMPTY,
    QUOTIENT,
    AggregateState,
    EventValue,
    aggregate_event,
    compute_quantity,
    merge_states,
)
from tests.aggregation.strategies import START, marks, values
from tests.pricing.strategies import LAW

D = Decimal
EXPECTED = {
    "count": lambda found, opening: len(found),
    "sum": lambda found, opening: F(opening) + sum(F(one.value) for one in found),
    "max": lambda found, opening: max((F(one.value) for one in found), default=F(0)),
    "min": lambda found, opening: min((F(one.value) for one in found), default=F(0)),
    "latest": lambda found, opening: F(max(found).value) if found else F(opening),
}


def tally(found: list) -> AggregateState:
    return reduce(merge_states, (aggregate_event(mark, START) for mark in found), EMPTY)


@LAW
@given(found=marks(), data=st.data())
def test_any_order_and_any_batches_make_the_same_tally(found, data):
    shuffled = data.draw(st.permutations(found))
    cut = data.draw(st.integers(0, len(found)))
    assert tally(found) == tally(shuffled) == merge_states(tally(shuffled[cut:]), tally(shuffled[:cut]))


@pytest.mark.parametrize("aggregation", EXPECTED)
@LAW
@given(found=marks(), opening=values)
def test_an_aggregation_is_what_its_name_says(aggregation, found, opening):
    assert F(compute_quantity(aggregation, tally(found), opening=opening)) == EXPECTED[aggregation](found, opening)


@LAW
@given(found=marks())
def test_an_average_is_exact_to_twelve_places(found):
    ours = F(compute_quantity("average", tally(found)))
    exact = sum(F(one.value) for one in found) / len(found) if found else F(0)
    assert abs(ours - exact) <= F(QUOTIENT) / 2


def test_what_one_tally_does_not_tell_the_other_does_but_for_the_first_event():
    mark = EventValue(START, "", "e", D(5))
    counted, told = AggregateState(events=2, total=D(9)), aggregate_event(mark, START)
    assert merge_states(counted, told) == merge_states(told, counted) == AggregateState(3, D(14), D(5), D(5), mark)
    assert merge_states(counted, counted) == AggregateState(events=4, total=D(18))


def test_a_weighted_sum_is_not_told_by_events_alone():
    with pytest.raises(ValueError, match="integral"):
        compute_quantity("weighted_sum", EMPTY)
