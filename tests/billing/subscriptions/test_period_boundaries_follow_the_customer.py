"""Boundaries of stored periods: anchored, clamped to the month's end, without drift, in the customer's time zone."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from billing.models import Subscription
from billing.subscriptions import generate_periods
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BERLIN, NEW_YORK, KOLKATA = "Europe/Berlin", "America/New_York", "Asia/Kolkata"

CASES = [
    # anchor        interval       zone      starts (local)        boundaries (local), starting with the first
    # period's end
    ("anniversary", ("month", 1), "UTC", "2026-01-31T00:00", ["02-28T00:00", "03-31T00:00", "04-30T00:00"]),
    ("anniversary", ("month", 1), BERLIN, "2026-01-31T00:00", ["02-28T00:00", "03-31T00:00", "04-30T00:00"]),
    ("anniversary", ("month", 1), BERLIN, "2026-02-28T23:30", ["03-28T23:30", "04-28T23:30", "05-28T23:30"]),
    ("anniversary", ("quarter", 1), BERLIN, "2025-11-30T08:00", ["02-28T08:00", "05-30T08:00", "08-30T08:00"]),
    ("anniversary", ("week", 2), NEW_YORK, "2026-02-25T00:00", ["03-11T00:00", "03-25T00:00", "04-08T00:00"]),
    ("calendar", ("month", 1), BERLIN, "2026-03-15T10:00", ["04-01T00:00", "05-01T00:00", "06-01T00:00"]),
    ("calendar", ("month", 1), KOLKATA, "2026-01-01T00:00", ["02-01T00:00", "03-01T00:00", "04-01T00:00"]),
    ("calendar", ("week", 1), NEW_YORK, "2026-03-04T09:00", ["03-09T00:00", "03-16T00:00", "03-23T00:00"]),
    ("calendar", ("quarter", 1), BERLIN, "2026-02-10T00:00", ["04-01T00:00", "07-01T00:00", "10-01T00:00"]),
    ("calendar", ("day", 1), BERLIN, "2026-03-28T12:00", ["03-29T00:00", "03-30T00:00", "03-31T00:00"]),
]


def subscription_in(zone: str, starts_at: datetime, **plan: object) -> Subscription:
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(offers=offers, **plan), at=LONG_AGO)
    return subscribe(make_customer(time_zone=zone), version, starts_at=starts_at, at=starts_at)


def boundaries(subscription: Subscription, zone: str) -> list[datetime]:
    ends = subscription.periods.order_by("starts_at").values_list("ends_at", flat=True)
    return [end.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for end in ends]


@pytest.mark.parametrize(("anchor", "interval", "zone", "start", "expected"), CASES)
def test_boundaries_are_local_times_of_the_anchor(
    anchor: str, interval: tuple[str, int], zone: str, start: str, expected: list[str]
):
    starts_at = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    subscription = subscription_in(zone, starts_at, anchor=anchor, interval=interval[0], count=interval[1])
    last = datetime.fromisoformat(f"2026-{expected[-1]}").replace(tzinfo=ZoneInfo(zone))
    generate_periods(until=last)
    assert boundaries(subscription, zone) == [datetime.fromisoformat(f"2026-{end}") for end in expected]


def test_a_leap_day_comes_back_in_the_next_leap_year():
    starts_at = datetime(2024, 2, 29, tzinfo=UTC)
    subscription = subscription_in("UTC", starts_at, anchor="anniversary", interval="year")
    generate_periods(until=datetime(2028, 3, 1, tzinfo=UTC))
    dates = [(end.year, end.month, end.day) for end in boundaries(subscription, "UTC")]
    assert dates == [(2025, 2, 28), (2026, 2, 28), (2027, 2, 28), (2028, 2, 29), (2029, 2, 28)]


@pytest.mark.parametrize(("month", "hours"), [(3, 743), (10, 745)])
def test_a_month_with_a_change_of_clocks_is_an_hour_off(month: int, hours: int):
    starts_at = datetime(2026, month, 1, tzinfo=ZoneInfo(BERLIN))
    period = subscription_in(BERLIN, starts_at).periods.first()
    assert (period.ends_at - period.starts_at).total_seconds() == hours * 3600


def test_anniversaries_count_from_an_agreed_day():
    version = publish(make_plan(offers=[offer("api.calls", rates=[rate("0.05")])], anchor="anniversary"), at=LONG_AGO)
    starts_at, agreed = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
    subscription = subscribe(make_customer(), version, starts_at=starts_at, anchor_at=agreed)
    assert boundaries(subscription, "UTC") == [datetime(2026, 2, 5)]  # noqa: DTZ001 local by now


def test_periods_tile_when_the_customer_changes_time_zone():
    subscription = subscription_in(BERLIN, datetime(2026, 1, 1, tzinfo=ZoneInfo(BERLIN)))
    subscription.customer.time_zone = "UTC"
    subscription.customer.save()
    generate_periods(until=datetime(2026, 6, 1, tzinfo=UTC))
    periods = list(subscription.periods.order_by("starts_at"))
    assert all(period.ends_at == after.starts_at for period, after in pairwise(periods))
    assert periods[-1].ends_at == datetime(2026, 6, 1, tzinfo=UTC)
