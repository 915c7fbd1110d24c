"""The intervals of a fee for several periods count from the periods' own anchor, so each starts with a period."""

from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from plans.pricing.period_anchor import Interval
from tests.docs_tables import rows


def terms(kind, unit, count):
    return SimpleNamespace(anchor=kind, interval=Interval(unit, count))


def interval_at(terms_, *, starts, at, every, zone="UTC"):
    return whole_interval(period_anchor(terms_, anchor_at=starts, time_zone=zone, periods_per_interval=every), at)


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("row", rows("pricing.md", "fees-for-several-periods"), ids=lambda row: row["why"])
def test_credits_are_granted_as_documented(row):
    count, unit = row["period"].split()
    terms_ = terms(row["kind"], unit, int(count))
    interval = interval_at(terms_, starts=day(row["starts"]), at=day(row["moment"]), every=int(row["every"]))
    assert interval == (day(row["from"]), day(row["to"]))


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2033, 1, 1))  # noqa: DTZ001, the zone is a separate argument


@given(
    kind=st.sampled_from(["calendar", "anniversary"]),
    unit=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    every=st.integers(2, 24),
    zone=ZONES,
    moments=st.tuples(MOMENTS, MOMENTS).map(sorted),
)
def test_an_interval_starts_and_ends_with_a_period(kind, unit, every, zone, moments):
    terms_, (starts, at) = (
        terms(kind, unit, 1),
        (moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in moments),
    )
    for edge in interval_at(terms_, starts=starts, at=at, every=every, zone=zone):
        assert interval_at(terms_, starts=starts, at=edge, every=1, zone=zone)[0] == edge
