"""Quantities are charged for their exact time, independent of how the changes came about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.money import round_money
from plans.pricing.quantity_segments import (
    QuantityChange,
    billable_units,
    count_added_units,
    price_segments,
    quantity_at,
    split_by_quantity,
)
from tests.pricing.strategies import LAW
from tests.pricing.worked_numbers import rows

UTC_ZONE = ZoneInfo("UTC")
APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
TEN = Decimal(10)


def read(text: str) -> list[QuantityChange]:
    """Read changes in the page's notation; those of the first day precede the period."""
    pairs = [pair.split(":") for pair in text.split(",")]
    return [
        QuantityChange(APRIL + timedelta(days=int(day) - 1, hours=-1 if day.strip() == "1" else 0), int(seats))
        for day, seats in pairs
    ]


def tiled(changes: list[QuantityChange], *, start: datetime = APRIL, end: datetime = MAY, by: str = "second"):
    return split_by_quantity(
        changes, default=0, start=start, end=end, full_start=APRIL, full_end=MAY, by=by, zone=UTC_ZONE
    )


@pytest.mark.parametrize("row", rows("seats-and-add-ons"), ids=lambda row: f"{row['changes']} {row['by']}")
def test_a_month_costs_the_documented_amount(row):
    amount = price_segments(
        TEN, tiled(read(row["changes"]), by=row["by"]), included=int(row["included"]), by=row["by"]
    )
    assert str(round_money(amount, "USD")) == row["amount"], row["why"]


@pytest.mark.parametrize(
    "row", rows("seats-and-add-ons", table=1), ids=lambda row: f"{row['changes']} {row['first']}"
)
def test_the_added_units_are_as_documented(row):
    added = count_added_units(
        read(row["changes"]),
        default=0,
        start=APRIL,
        end=MAY,
        included=int(row["included"]),
        is_first=row["first"] == "yes",
    )
    assert added == int(row["charged units"]), row["why"]


moments = st.integers(-10, 40 * 24).map(lambda hours: APRIL + timedelta(hours=hours))
timelines = st.lists(st.builds(QuantityChange, moments, st.integers(0, 50)), max_size=8).map(
    lambda changes: sorted(changes, key=lambda change: change.since)
)


def test_days_are_those_of_the_customers_clock():
    zone = ZoneInfo("Europe/Berlin")
    start, noon, end = (datetime(2026, *day, tzinfo=zone) for day in ((4, 1), (4, 10, 12), (5, 1)))
    segments = split_by_quantity(
        [QuantityChange(noon, 5)],
        default=0,
        start=start,
        end=end,
        full_start=start,
        full_end=end,
        by="day",
        zone=zone,
    )
    assert [segment.share for segment in segments] == [Fraction(9, 30), Fraction(21, 30)]


@pytest.mark.parametrize("by", ["second", "day", "none"])
def test_a_period_of_no_length_costs_nothing(by):
    assert price_segments(TEN, tiled([QuantityChange(APRIL, 5)], end=APRIL, by=by), included=0, by=by) == 0


@LAW
@given(timelines)
def test_segments_tile_the_period(changes):
    segments = tiled(changes)
    assert (segments[0].start, segments[-1].end) == (APRIL, MAY)
    assert all(segment.end == after.start for segment, after in pairwise(segments))
    assert sum(segment.share for segment in segments) == 1


@LAW
@given(timelines, st.integers(0, 10))
def test_the_amount_is_the_sum_of_the_hours(changes, included):
    hours = 30 * 24
    by_hour = [
        billable_units(quantity_at(changes, APRIL + timedelta(hours=hour), default=0), included)
        for hour in range(hours)
    ]
    assert price_segments(TEN, tiled(changes), included=included, by="second") == Fraction(10 * sum(by_hour), hours)


@LAW
@given(timelines, moments.filter(lambda at: APRIL < at < MAY))
def test_two_parts_of_a_period_sum_to_the_whole(changes, at):
    parts = [tiled(changes, end=at), tiled(changes, start=at)]
    amounts = [price_segments(TEN, part, included=0, by="second") for part in parts]
    assert sum(amounts) == price_segments(TEN, tiled(changes), included=0, by="second")


@LAW
@given(timelines, st.integers(0, 50), moments)
def test_a_change_undone_at_the_same_instant_costs_nothing(changes, quantity, at):
    before = quantity_at(changes, at, default=0)
    undone = sorted(
        [*changes, QuantityChange(at, quantity), QuantityChange(at, before)], key=lambda change: change.since
    )
    assert tiled(undone) == tiled(changes)


@LAW
@given(timelines)
def test_one_time_units_of_two_periods_are_at_least_those_of_the_whole(changes):
    middle = APRIL + timedelta(days=15)
    first = count_added_units(changes, default=0, start=APRIL, end=middle, included=0, is_first=True)
    second = count_added_units(changes, default=0, start=middle, end=MAY, included=0, is_first=False)
    assert first + second >= count_added_units(changes, default=0, start=APRIL, end=MAY, included=0, is_first=True)


@pytest.mark.parametrize(
    ("at", "more", "why"),
    [
        (APRIL - timedelta(days=1), 0, "taken before"),
        (APRIL, 3, "taken as it begins"),
        (MAY - timedelta(microseconds=1), 3, "taken within it"),
        (MAY, 0, "taken by the next one"),
    ],
)
def test_one_time_units_belong_to_the_period_of_their_addition(at, more, why):
    assert (
        count_added_units([QuantityChange(at, 3)], default=0, start=APRIL, end=MAY, included=0, is_first=False)
        == more
    ), why
