"""Distinct values count for the time they are held: docs/metering.md#held-values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction as F
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.aggregation.aggregate_state import QUOTIENT, AggregateState
from plans.aggregation.distinct_values import MembershipChange
from plans.aggregation.held_values import held_moment, held_quantity
from tests.docs_tables import rows
from tests.pricing.strategies import LAW

D = Decimal
START = datetime(2026, 4, 1, tzinfo=UTC)
END = START + timedelta(days=30)
KATHMANDU = ZoneInfo("Asia/Kathmandu")
HOURS = 30 * 24


def quantity(steps, by, *, opening=(), start=START, end=END, until=None, zone=UTC):
    """Return the quantity of {value: steps} in a part [start, end) of the 30 days."""
    moment = sum(held_moment(changes, by, zone, was_member=value in opening) for value, changes in steps.items())
    after = members_after(steps, opening)
    state = AggregateState(1, members=len(after) - len(opening), moment=D(moment))
    return held_quantity(
        state, by, zone, opening=D(len(opening)), start=start, end=end, interval=(START, END), until=until
    )


def members_after(steps, opening):
    members = set(opening)
    for value, changes in steps.items():
        if changes:
            (members.add if max(changes).joins else members.discard)(value)
    return members


def parse(text):
    """Return {value: steps} of “3.5 a joins, 4 a leaves”."""
    steps = {}
    for number, event in enumerate(filter(None, text.split(", "))):
        day, value, operation = event.split()
        at = START + timedelta(days=1) * float(day)
        steps.setdefault(value, []).append(MembershipChange(at, "", f"e{number}", operation == "joins"))
    return steps


@pytest.mark.parametrize("row", rows("metering.md", "held-values"), ids=lambda row: f"{row['held by']} {row['why']}")
def test_each_value_counts_for_its_time_as_documented(row):
    opening = set(filter(None, row["opening"].split(", ")))
    assert quantity(parse(row["events"]), row["held by"], opening=opening) == D(row["seat-months"])


def test_a_running_period_counts_today_as_a_whole_day():
    noon = START + timedelta(days=2, hours=12)
    assert quantity({}, "day", opening={"a"}, until=noon) == D("0.1")
    assert quantity({}, "second", opening={"a"}, until=noon) == round(D("2.5") / 30, 12)


drawn_steps = st.lists(
    st.tuples(st.integers(0, HOURS * 4 - 1), st.sampled_from("xyz"), st.booleans()), max_size=14
).map(
    lambda drawn: [
        (value, MembershipChange(START + timedelta(minutes=15 * quarter), "", f"e{number:02}", joins))
        for number, (quarter, value, joins) in enumerate(drawn)
    ]
)
openings = st.sets(st.sampled_from("xyz"))


def by_value(steps):
    grouped = {}
    for value, step in steps:
        grouped.setdefault(value, []).append(step)
    return grouped


def held_quarters(steps, opening):
    """Return the quarters of an hour in which each value is held, by replaying all steps."""
    held = {value: set() for value in "xyz"}
    for value in "xyz":
        present, position, changes = value in opening, 0, sorted(by_value(steps).get(value, ()))
        for quarter in range(HOURS * 4):
            now = START + timedelta(minutes=15 * quarter)
            while position < len(changes) and changes[position].at <= now:
                present, position = changes[position].joins, position + 1
            if present:
                held[value].add(quarter)
    return held


@LAW
@given(steps=drawn_steps, opening=openings)
def test_by_the_second_it_is_the_time_of_every_value(steps, opening):
    quarters = sum(map(len, held_quarters(steps, opening).values()))
    assert abs(F(quantity(by_value(steps), "second", opening=opening)) - F(quarters, HOURS * 4)) <= F(QUOTIENT) / 2


@LAW
@given(steps=drawn_steps, opening=openings)
def test_by_the_day_it_is_the_number_of_days_of_every_value(steps, opening):
    days = sum(len({quarter // 96 for quarter in quarters}) for quarters in held_quarters(steps, opening).values())
    assert abs(F(quantity(by_value(steps), "day", opening=opening)) - F(days, 30)) <= F(QUOTIENT) / 2


@pytest.mark.parametrize(("by", "zone"), [("second", UTC), ("second", KATHMANDU), ("day", UTC)])
@LAW
@given(steps=drawn_steps, opening=openings, split=st.integers(1, HOURS - 1))
def test_any_split_of_a_period_gives_the_same_total(by, zone, steps, opening, split):
    at = START + timedelta(hours=split)
    if by == "day":  # one that leaves and returns on the day of the change counts in both parts
        steps = [(value, step) for value, step in steps if step.at.date() != at.date()]
    first = by_value((value, step) for value, step in steps if step.at < at)
    second = by_value((value, step) for value, step in steps if step.at >= at)
    parts = quantity(first, by, opening=opening, end=at, zone=zone) + quantity(
        second, by, opening=members_after(first, opening), start=at, zone=zone
    )
    assert abs(parts - quantity(by_value(steps), by, opening=opening, zone=zone)) <= QUOTIENT
