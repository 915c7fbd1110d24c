"""Staff create test clocks, assign customers to them and advance them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from billing.simulation.sandbox import advance_clock, start_advance
from customers.models import Customer, TestClock
from tests.billing.simulation.sandbox.clock_setup import subscribed
from tests.builders import FEB, JAN, make_clock, make_seller

pytestmark = pytest.mark.django_db


def page(clock: TestClock, name: str = "change", *more: str) -> str:
    return reverse(f"admin:customers_testclock_{name}", args=[clock.pk, *more])


def test_a_clock_is_created_and_a_customer_assigned_to_it(member):
    finance, seller = member("finance"), make_seller()
    arguments = {"name": "A year", "now_0": "2026-01-01", "now_1": "00:00:00"}
    finance.post(reverse("admin:customers_testclock_add"), arguments)
    clock = TestClock.objects.get(name="A year", now=JAN)

    arguments = {
        "legal_name": "Acme",
        "external_id": "acme",
        "seller": seller.pk,
        "currency": "USD",
        "sandbox": "on",
        "test_clock": clock.pk,
        "country": "US",
        "time_zone": "UTC",
        "locale": "en_US",
        "contacts-TOTAL_FORMS": "0",
        "contacts-INITIAL_FORMS": "0",
    }
    finance.post(reverse("admin:customers_customer_add"), arguments)

    customer = Customer.objects.get(external_id="acme")
    assert (customer.test_clock, clock.created_by.first_name) == (clock, "Finance")
    page_text = finance.get(reverse("admin:customers_customer_change", args=[customer.pk])).content.decode()
    assert "1 Jan 2026, 00:00 UTC</strong>, set by the test clock" in page_text


def test_a_live_customer_gets_none(member):
    arguments = {"legal_name": "Acme", "external_id": "acme", "test_clock": make_clock().pk}
    page_text = member("finance").post(reverse("admin:customers_customer_add"), arguments).content.decode()
    assert "Only sandbox customers can hav" in page_text


def test_the_next_due_date_is_shown_before_a_clock_is_advanced(member):
    clock, operations = make_clock(JAN), member("operations")
    subscribed(clock)
    advance_clock(clock_id=clock.pk)

    page_text = operations.get(page(clock, "advance")).content.decode()
    assert "The next event is due at 31 Jan 2026, 22:00 UTC" in page_text
    operations.post(page(clock, "advance"), {"to_0": "2026-02-02", "to_1": "00:00:00"})
    clock.refresh_from_db()
    assert (clock.state, clock.target) == ("advancing", FEB + timedelta(days=1))

    far = operations.get(page(clock, "progress"))
    assert ("advancing to" in far.content.decode(), "HX-Refresh" in far) == (True, False)
    advance_clock(clock_id=clock.pk)
    assert operations.get(page(clock, "progress"))["HX-Refresh"] == "true"
    clock_page = operations.get(page(clock)).content.decode()
    assert f"T{clock.pk}-000002" in clock_page


@pytest.mark.parametrize(
    ("how", "to"),
    [("day", JAN + timedelta(days=1)), ("month", FEB), ("period", datetime(2026, 2, 1, 1, tzinfo=UTC))],
)
def test_it_is_advanced_by_one_click(member, how, to):
    clock = make_clock(JAN)
    subscribed(clock)

    member("engineer").post(page(clock, "steer", how))

    clock.refresh_from_db()
    assert clock.target == to


def test_a_date_that_is_past_is_refused(member):
    clock = make_clock(JAN)
    response = member("finance").post(page(clock, "advance"), {"to_0": "2025-01-01", "to_1": "00:00:00"})
    assert "Time only moves forward" in response.content.decode()


def test_a_stopped_clock_shows_the_reason_and_is_resumed_or_kept(member):
    clock, finance = make_clock(JAN), member("finance")
    start_advance(clock_id=clock.pk, to=FEB, by=None, at=JAN)
    TestClock.objects.update(failure="Period 7 can't be closed: no rate is for model “x”.")

    assert "no rate is for model" in finance.get(page(clock)).content.decode()
    finance.post(page(clock, "steer", "try_again"))
    clock.refresh_from_db()
    assert clock.state == "advancing"
    finance.post(page(clock, "steer", "stay"))
    clock.refresh_from_db()
    assert (clock.state, clock.now) == ("standing", JAN)


def test_support_can_not_advance_clocks(member):
    clock, support = make_clock(JAN), member("support")
    assert support.get(page(clock)).status_code == 200
    assert support.get(page(clock, "advance")).status_code == 403
    assert support.post(page(clock, "steer", "day")).status_code == 403
