"""Distinct values count as if all their steps were replayed in order, for any order and period of arrival."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from plans.aggregation.aggregate_state import AggregateState, compute_quantity, merge_states
from plans.aggregation.distinct_values import MembershipChange, apply_changes, is_member
from tests.aggregation.strategies import START
from tests.pricing.strategies import LAW

PERIODS = 3
LENGTH = 10  # seconds of a period

steps = st.lists(
    st.tuples(st.integers(0, PERIODS * LENGTH - 1), st.sampled_from("xyz"), st.booleans()), max_size=14
).map(
    lambda drawn: [
        (value, MembershipChange(START + timedelta(seconds=second), "", f"e{number:02}", joins))
        for number, (second, value, joins) in enumerate(drawn)
    ]
)


def period_of(step: MembershipChange) -> int:
    return (step.at - START) // timedelta(seconds=LENGTH)


def replayed(changes: list[tuple[str, MembershipChange]], period: int) -> int:
    """Count the members at a period's end by processing all steps in order."""
    present: set[str] = set()
    for value, step in sorted(changes, key=lambda change: change[1]):
        if period_of(step) <= period:
            (present.add if step.joins else present.discard)(value)
    return len(present)


@LAW
@given(changes=steps, data=st.data())
def test_net_changes_per_period_add_up_to_the_members_at_its_end(changes, data):
    """
    Like the store: a step changes its own period, and changes the next period of the same value in the opposite way.
    """
    net = [0] * PERIODS
    last: dict[tuple[str, int], MembershipChange] = {}
    for value, step in data.draw(st.permutations(changes)):
        period = period_of(step)
        earlier = [last[value, n] for n in range(period) if (value, n) in last]
        before = is_member(earlier[-1] if earlier else None)
        last[value, period], moved = apply_changes(last.get((value, period)), [step], was_member=before)
        net[period] += moved
        later = next((n for n in range(period + 1, PERIODS) if (value, n) in last), None)
        if later is not None:
            net[later] -= moved
    assert [sum(net[: n + 1]) for n in range(PERIODS)] == [replayed(changes, n) for n in range(PERIODS)]


@LAW
@given(changes=steps)
def test_within_one_period_only_the_last_step_of_a_value_counts(changes):
    by_value: dict[str, list[MembershipChange]] = defaultdict(list)
    for value, step in changes:
        by_value[value].append(step)
    assert sum(apply_changes(None, value_steps)[1] for value_steps in by_value.values()) == replayed(changes, PERIODS)


def test_without_steps_membership_is_unchanged():
    assert [apply_changes(None, [], was_member=before) for before in (True, False)] == [(None, 0), (None, 0)]


def test_net_changes_are_added_to_the_opening_members():
    together = merge_states(AggregateState(events=3, members=2), AggregateState(events=1, members=-1))
    assert compute_quantity("unique", together, opening=Decimal(4)) == 5
