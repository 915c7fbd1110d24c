"""A schedule earns its net amount evenly, and all of it by its end: docs/recognition.md#schedules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.recognition import earned

BERLIN = ZoneInfo("Europe/Berlin")
D = Decimal


def day(text: str, zone=UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


CASES = [
    # net      start         end           at            by_day  earned   why
    ("100.00", "2026-01-01", "2026-04-01", "2026-02-01", False, "34.44", "31 of 90 days"),
    ("100.00", "2026-01-01", "2026-04-01", "2026-04-01", False, "100.00", "all of it at the end"),
    ("100.00", "2026-01-01", "2026-04-01", "2026-01-01", False, "0", "nothing at the start"),
    ("-31.00", "2026-01-15", "2026-02-15", "2026-02-01", False, "-17.00", "an amount below zero, too"),
    ("0.01", "2026-01-01", "2026-01-03", "2026-01-02", False, "0.01", "half a cent is rounded away from zero"),
    ("-0.01", "2026-01-01", "2026-01-03", "2026-01-02", False, "-0.01", "on both sides of zero"),
    ("31.00", "2026-01-01T23:00", "2026-02-01T23:00", "2026-01-02T01:00", True, "1.00", "a day has begun"),
    ("31.00", "2026-01-01T23:00", "2026-02-01T23:00", "2026-01-02T01:00", False, "0.08", "two hours have passed"),
    ("5.00", "2026-01-01T01:00", "2026-01-01T02:00", "2026-01-01T01:30", True, "0.00", "within one day"),
    ("5.00", "2026-01-01", "2026-01-01", "2026-01-01", False, "5.00", "at an instant"),
]


@pytest.mark.parametrize(("net", "start", "end", "at", "by_day", "expected", "why"), CASES)
def test_earns_the_elapsed_share(net, start, end, at, by_day, expected, why):
    assert earned(D(net), day(start), day(end), day(at), places=2, by_day=by_day, zone=UTC) == D(expected), why


def test_time_is_counted_in_seconds_where_the_clock_changes():
    """October 2025 has 745 hours in Berlin, 601 of them before the 26th at 02:00 for the second time."""
    start, end = day("2025-10-01", BERLIN), day("2025-11-01", BERLIN)
    at = datetime(2025, 10, 26, 2, fold=1, tzinfo=BERLIN)
    assert earned(D("745"), start, end, at, places=2, by_day=False, zone=BERLIN) == D("603.00")


def test_amounts_are_rounded_to_the_currency():
    start, end, at = day("2026-01-01"), day("2026-01-04"), day("2026-01-02")
    places = {0: "33", 2: "33.33", 3: "33.333"}
    for count, expected in places.items():
        assert earned(D("100"), start, end, at, places=count, by_day=False, zone=UTC) == D(expected)


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    net=st.decimals("-1000000", "1000000", places=2),
    times=st.lists(MOMENTS, min_size=4, max_size=12),
    by_day=st.booleans(),
)
def test_parts_add_up_and_never_exceed_the_amount(net, times, by_day):
    start, *between, end = sorted(times)
    end += timedelta(microseconds=1)
    amounts = [earned(net, start, end, at, places=2, by_day=by_day, zone=BERLIN) for at in (start, *between, end)]
    assert amounts[-1] == net
    assert sorted(amounts, key=abs) == amounts
    assert all(abs(amount) <= abs(net) for amount in amounts)
