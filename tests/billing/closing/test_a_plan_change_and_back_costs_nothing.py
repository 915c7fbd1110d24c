"""A customer who changes to another plan and immediately back owes the same, at any price, time and time zone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.subscriptions import change_plan, generate_periods
from invoices.models import Invoice
from tests.builders import JAN, assert_invoices_clean, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
CASES = [  # price, a seat, proration, anchor, zone, minutes since New Year of each change and return
    (
        "9.99",
        "0.01",
        "day",
        "calendar",
        "UTC",
        [65_520],
    ),  # half of February: rounded up for the change and the return
    ("0.05", "0.03", "day", "anniversary", "UTC", [21_600, 21_660, 65_520]),
    ("19.99", "3.33", "second", "anniversary", "America/New_York", [1, 44_640, 96_000, 110_000]),
    ("123.45", "0.07", "second", "calendar", "Asia/Kathmandu", [720, 22_222]),
    ("7.77", "1.11", "day", "calendar", "Pacific/Kiritimati", [500, 100_001, 100_500]),
]


def plan(price, seat, *, proration, anchor):
    fees = [fee(price), fee(seat, label="Seats", basis="seat", least=3)]
    return publish(make_plan(fees=fees, proration=proration, anchor=anchor))


def net_total(customer):
    invoices = Invoice.objects.filter(customer=customer)
    return sum(
        (invoice.total.amount if invoice.kind == "invoice" else -invoice.total.amount for invoice in invoices),
        Decimal(0),
    )


def total_after_changes(version, other, moments, *, zone, since=JAN):
    """Return the total by April of a customer who changes to another version, and back, at each of these times."""
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
    return net_total(customer)


@pytest.mark.parametrize(("price", "seat", "proration", "anchor", "zone", "moments"), CASES)
def test_a_change_and_back_costs_nothing_at_any_price_time_and_zone(price, seat, proration, anchor, zone, moments):
    version = plan(price, seat, proration=proration, anchor=anchor)
    dearer = plan("30", "1", proration=proration, anchor=anchor)
    assert total_after_changes(version, dearer, moments, zone=zone) == total_after_changes(
        version, dearer, [], zone=zone
    )


def test_a_change_and_back_costs_nothing_in_a_stub_period():
    """A subscription that starts in mid-month, and paid for part of it only, changes and returns twice."""
    version = plan("9.99", "0.01", proration="day", anchor="calendar")
    dearer = plan("30", "1", proration="day", anchor="calendar")
    since = JAN + timedelta(days=9)
    back = total_after_changes(version, dearer, [20_000, 30_000], zone="UTC", since=since)
    assert back == total_after_changes(version, dearer, [], zone="UTC", since=since)
    assert_invoices_clean()
