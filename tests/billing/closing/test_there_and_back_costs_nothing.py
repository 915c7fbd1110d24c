"""Who changes to another plan and back at once owes the same, whatever the price, the moment and the zone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.subscriptions import change_plan, generate_periods
from invoices.models import Invoice
from tests.builders import JAN, documents_are_clean, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
CASES = [  # price, a seat, by, anchor, zone, minutes since New Year at which it goes and comes back
    ("9.99", "0.01", "day", "calendar", "UTC", [65_520]),  # half of February: rounded up going, and coming
    ("0.05", "0.03", "day", "anniversary", "UTC", [21_600, 21_660, 65_520]),
    ("19.99", "3.33", "second", "anniversary", "America/New_York", [1, 44_640, 96_000, 110_000]),
    ("123.45", "0.07", "second", "calendar", "Asia/Kathmandu", [720, 22_222]),
    ("7.77", "1.11", "day", "calendar", "Pacific/Kiritimati", [500, 100_001, 100_500]),
]


def plan(price, seat, *, proration, anchor):
    fees = [fee(price), fee(seat, label="Seats", basis="seat", least=3)]
    return publish(make_plan(fees=fees, proration=proration, anchor=anchor))


def owed(customer):
    found = Invoice.objects.filter(customer=customer)
    return sum((one.total.amount if one.kind == "invoice" else -one.total.amount for one in found), Decimal(0))


def live(version, other, moments, *, zone, since=JAN):
    """Return what is owed in April by who changes to another version, and back, at each of these moments."""
    customer = make_customer(time_zone=zone)
    subscription = subscribe(customer, version, since)
    close_due(at=since)
    for minutes in moments:
        at = JAN + timedelta(minutes=minutes)
        generate_periods(until=at + HOUR)
        close_due(at=at)
        change_plan(subscription=subscription, version=other, at=at)
        change_plan(subscription=subscription, version=version, at=at + timedelta(microseconds=1))
        subscription.refresh_from_db()
    generate_periods(until=APRIL)
    close_due(at=APRIL + 2 * HOUR)
    return owed(customer)


@pytest.mark.parametrize(("price", "seat", "proration", "anchor", "zone", "moments"), CASES)
def test_at_any_price_moment_and_zone(price, seat, proration, anchor, zone, moments):
    version = plan(price, seat, proration=proration, anchor=anchor)
    dearer = plan("30", "1", proration=proration, anchor=anchor)
    assert live(version, dearer, moments, zone=zone) == live(version, dearer, [], zone=zone)


def test_of_a_part_of_a_period_too():
    """A subscription that starts in mid-month, which has paid for a part of it only, goes and comes back twice."""
    version = plan("9.99", "0.01", proration="day", anchor="calendar")
    dearer = plan("30", "1", proration="day", anchor="calendar")
    since = JAN + timedelta(days=9)
    back = live(version, dearer, [20_000, 30_000], zone="UTC", since=since)
    assert back == live(version, dearer, [], zone="UTC", since=since)
    documents_are_clean()
