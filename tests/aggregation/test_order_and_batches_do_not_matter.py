"""
Events add up to the same aggregate state in any order and batches, and an aggregation depends only on the state.
"""

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
    "count": lambda events, opening: len(events),
    "sum": lambda events, opening: F(opening) + sum(F(event.value) for event in events),
    "max": lambda events, opening: max((F(event.value) for event in events), default=F(0)),
    "min": lambda events, opening: min((F(event.value) for event in events), default=F(0)),
    "latest": lambda events, opening: F(max(events).value) if events else F(opening),
}


def aggregate_all(events: list) -> AggregateState:
    return reduce(merge_states, (aggregate_event(mark, START) for mark in events), EMPTY)


@LAW
@given(events=marks(), data=st.data())
def test_any_order_and_any_batches_have_the_same_aggregate_state(events, data):
    shuffled = data.draw(st.permutations(events))
    cut = data.draw(st.integers(0, len(events)))
    assert (
        aggregate_all(events)
        == aggregate_all(shuffled)
        == merge_states(aggregate_all(shuffled[cut:]), aggregate_all(shuffled[:cut]))
    )


@pytest.mark.parametrize("aggregation", EXPECTED)
@LAW
@given(events=marks(), opening=values)
def test_an_aggregation_computes_its_definition(aggregation, events, opening):
    assert F(compute_quantity(aggregation, aggregate_all(events), opening=opening)) == EXPECTED[aggregation](
        events, opening
    )


@LAW
@given(events=marks())
def test_an_average_is_exact_to_twelve_places(events):
    average = F(compute_quantity("average", aggregate_all(events)))
    exact = sum(F(event.value) for event in events) / len(events) if events else F(0)
    assert abs(average - exact) <= F(QUOTIENT) / 2


def test_merged_states_keep_every_known_field():
    mark = EventValue(START, "", "e", D(5))
    counted, aggregated = AggregateState(events=2, total=D(9)), aggregate_event(mark, START)
    assert (
        merge_states(counted, aggregated)
        == merge_states(aggregated, counted)
        == AggregateState(3, D(14), D(5), D(5), mark)
    )
    assert merge_states(counted, counted) == AggregateState(events=4, total=D(18))


def test_a_weighted_sum_can_not_be_computed_from_events_alone():
    with pytest.raises(ValueError, match="integral"):
        compute_quantity("weighted_sum", EMPTY)
