"""Rollups use hours of the customer's own clock, also where these do not start with an hour of UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.ingest.attribution import HOUR, local_hour

HOURS = [
    # instant (UTC), zone, start of its hour (UTC), why
    ("2026-03-10T12:59:59", "UTC", "2026-03-10T12:00", "whole hours"),
    ("2026-03-10T12:00:00", "UTC", "2026-03-10T12:00", "an hour begins with itself"),
    ("2026-03-10T12:20:00", "Asia/Kathmandu", "2026-03-10T12:15", "+05:45"),
    ("2026-03-10T12:10:00", "Asia/Kathmandu", "2026-03-10T11:15", "before the quarter is the hour before"),
    ("2026-03-10T12:10:00", "Asia/Kolkata", "2026-03-10T11:30", "+05:30"),
    ("2026-10-25T00:30:00", "Europe/Berlin", "2026-10-25T00:00", "the first 02:30 of the night with two"),
    ("2026-10-25T01:30:00", "Europe/Berlin", "2026-10-25T01:00", "the second one is another hour"),
    ("1969-12-31T23:59:59", "UTC", "1969-12-31T23:00", "before 1970, hours are rounded down too"),
]


@pytest.mark.parametrize(("instant", "zone", "expected", "why"), HOURS)
def test_an_instant_is_in_the_local_hour(instant, zone, expected, why):
    at = datetime.fromisoformat(instant).replace(tzinfo=UTC)

    assert local_hour(at, ZoneInfo(zone)) == datetime.fromisoformat(expected).replace(tzinfo=UTC), why


FIRST = datetime(2024, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Asia/Kathmandu", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin"]


@given(
    st.integers(0, 4 * 366 * 86_400).map(
        lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.sampled_from(ZONES),
)
def test_an_hour_contains_its_instant_and_is_an_hour_long(at, zone):
    start = local_hour(at, ZoneInfo(zone))

    assert start <= at < start + HOUR
    assert local_hour(start, ZoneInfo(zone)) == start
