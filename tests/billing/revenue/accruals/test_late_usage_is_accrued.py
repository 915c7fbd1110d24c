"""Late usage is earned in its month or the first open one, before it is invoiced: docs/recognition.md#accruals."""

from datetime import timedelta

import pytest

from billing.models import Event
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request
from tests.billing.revenue.accruals.accrual_setup import (
    accrue_at,
    by_service_month,
    close,
    lock,
    metered,
    priced,
    revenue,
    subscribed,
    use,
)
from tests.billing.revenue.book_setup import changes, moment
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db


@pytest.fixture
def monthly():
    """Return a subscription with calendar months, whose January is invoiced with 120.00."""
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")], starts_at="2026-01-01", anchor="calendar")
    use(subscription, feature, 120, "2026-01-20")
    close("2026-02-01T02:00")
    return subscription


def test_late_usage_of_a_locked_month_is_booked_in_the_first_open_one(monthly):
    """The golden case tollbook-late-usage."""
    seller = monthly.customer.seller
    accrue_at(seller, "2026-02-02")
    lock(seller, "2026-01", at="2026-02-02")
    use(monthly, metered(), 20, "2026-01-25", received="2026-02-05")
    assert revenue(seller, "2026-02-06") == {"2026-02": "20.00"}
    assert by_service_month(seller, "2026-02-06") == {"2026-01": "20.00"}
    # The invoice of 1 February took back 120.00, and the late usage adds 20.00.
    assert changes(seller, "unbilled", at="2026-02-06") == {"2026-02": "-100.00"}
    assert revenue(seller, "2026-03-01") == {"2026-02": "20.00"}
    close("2026-03-01T02:00")
    assert changes(seller, "revenue", at="2026-03-01T02:00:01") == {"2026-02": "20.00"}
    assert revenue(seller, "2026-03-01T03:00") == {"2026-02": "20.00"}
    assert changes(seller, "unbilled", at="2026-03-01T03:00") == {"2026-02": "-100.00", "2026-03": "-20.00"}
    assert by_service_month(seller, "2026-03-01T03:00") == {"2026-01": "20.00"}


def test_a_second_locked_month_keeps_what_it_froze(monthly):
    seller = monthly.customer.seller
    lock(seller, "2026-01", at="2026-02-02")
    use(monthly, metered(), 20, "2026-01-25", received="2026-02-05")
    close("2026-03-01T02:00")  # bills the late usage
    lock(seller, "2026-02", at="2026-03-02")
    use(monthly, metered(), 5, "2026-01-26", received="2026-03-03")
    assert revenue(seller, "2026-03-04") == {"2026-03": "5.00"}
    assert by_service_month(seller, "2026-03-04") == {"2026-01": "5.00"}


def test_late_usage_that_waits_over_a_lock_is_counted_once(monthly):
    seller = monthly.customer.seller
    lock(seller, "2026-01", at="2026-02-02")
    use(monthly, metered(), 20, "2026-01-25", received="2026-02-05")
    accrue_at(seller, "2026-03-01T00:01")  # so the lock has nothing to compute
    lock(seller, "2026-02", at="2026-03-01T00:30")  # before the invoice of 1 March
    assert revenue(seller, "2026-03-01T01:00") == {}
    close("2026-03-01T02:00")
    assert changes(seller, "revenue", at="2026-03-01T02:00:01") == {}
    assert revenue(seller, "2026-03-01T03:00") == {}
    assert changes(seller, "unbilled", at="2026-03-01T03:00") == {"2026-03": "-20.00"}


def test_late_usage_of_an_open_month_belongs_to_it(monthly):
    seller = monthly.customer.seller
    use(monthly, metered(), 20, "2026-01-25", received="2026-02-05")
    assert revenue(seller, "2026-02-06") == {"2026-01": "140.00"}
    assert changes(seller, "unbilled", at="2026-02-06") == {"2026-01": "140.00", "2026-02": "-120.00"}


def test_late_usage_moves_to_the_months_within_its_period():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    seller = subscription.customer.seller
    use(subscription, feature, 80, "2026-01-25")
    use(subscription, feature, 40, "2026-02-04")
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-02-16") == {"2026-01": "80.00", "2026-02": "40.00"}
    use(subscription, feature, 7, "2026-01-26", received="2026-02-17")
    assert revenue(seller, "2026-02-18") == {"2026-01": "87.00", "2026-02": "40.00"}
    close("2026-03-15T02:00")
    assert revenue(seller, "2026-03-15T03:00") == {"2026-01": "87.00", "2026-02": "40.00"}


def test_usage_that_arrives_after_the_lock_of_a_month_within_its_period_is_booked_in_the_next():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")])
    seller = subscription.customer.seller
    use(subscription, feature, 80, "2026-01-25")
    lock(seller, "2026-01", at="2026-02-02")
    use(subscription, feature, 10, "2026-01-26", received="2026-02-03")
    use(subscription, feature, 40, "2026-02-04")
    assert revenue(seller, "2026-02-05") == {"2026-02": "50.00"}
    assert by_service_month(seller, "2026-02-05") == {"2026-01": "10.00", "2026-02": "40.00"}
    close("2026-02-15T02:00")
    assert revenue(seller, "2026-02-15T03:00") == {"2026-02": "50.00"}


def test_late_usage_that_is_only_reported_earns_nothing():
    feature = metered()
    seller = make_seller("reporter", currency="EUR", late_usage="report_only", grace=timedelta(0))
    customer = make_customer(seller=seller, currency="EUR")
    subscription = subscribed([priced(feature, "1.00")], starts_at="2026-01-01", anchor="calendar", customer=customer)
    use(subscription, feature, 10, "2026-01-20")
    close("2026-02-01")
    use(subscription, feature, 5, "2026-01-21", received="2026-02-02")
    assert revenue(seller, "2026-02-03") == {"2026-01": "10.00"}


def test_a_correction_changes_the_month_of_its_event(monthly):
    """The number of events stays the same; the fingerprint of the usage changes."""
    seller = monthly.customer.seller
    event = use(monthly, metered(), 30, "2026-02-10")
    assert revenue(seller, "2026-02-11") == {"2026-01": "120.00", "2026-02": "30.00"}
    replacement = {**event, "id": "replacement", "properties": {"n": "12"}}
    correct_all(correction_request(event["id"], replacement), at=moment("2026-02-11T01:00"))
    assert revenue(seller, "2026-02-11T02:00") == {"2026-01": "120.00", "2026-02": "12.00"}


def test_a_decrease_takes_back_what_was_earned(monthly):
    seller = monthly.customer.seller
    (event,) = Event.objects.filter(customer_id=monthly.customer_id)
    correct_all(correction_request(event.sender_id), at=moment("2026-02-11"))
    assert revenue(seller, "2026-02-12") == {}


def test_late_usage_that_is_invoiced_before_it_is_accrued_belongs_to_its_month():
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")], starts_at="2026-01-15")
    seller = subscription.customer.seller
    use(subscription, feature, 120, "2026-01-20")
    close("2026-02-15T02:00")
    lock(seller, "2026-01", at="2026-02-16")
    lock(seller, "2026-02", at="2026-03-02")
    use(subscription, feature, 20, "2026-01-25", received="2026-03-05")
    close("2026-03-15T02:00")  # bills the late usage
    assert revenue(seller, "2026-03-15T03:00") == {"2026-03": "20.00"}
    assert by_service_month(seller, "2026-03-15T03:00") == {"2026-01": "20.00"}
