"""A cancellation says what it gives back before it is done, and may be taken back until it comes."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.closing import close_due
from tests.builders import JAN, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db

NO_DATE = {"ends_at_0": "", "ends_at_1": ""}


@pytest.fixture
def subscription():
    """Return one that is paid for another 20 days of 30, and no cent more or less however long the test takes."""
    fees = [fee("30", label="Base")]
    version = publish(make_plan(fees=fees, interval="day", count=30, anchor="anniversary", proration="day"), at=JAN)
    found = subscribe(make_customer(time_zone="UTC"), version, starts_at=timezone.now() - timedelta(days=10))
    close_due(at=timezone.now())
    return found


def page(subscription, name="cancel"):
    return reverse(f"admin:billing_subscription_{name}", args=[subscription.pk])


def test_what_is_given_back_is_shown_first(member, subscription):
    finance = member("finance")
    arguments = {"when": "now", "give_back": "credit", **NO_DATE}
    shown = finance.post(page(subscription), arguments).content.decode()
    subscription.refresh_from_db()
    assert "gives back $20.00, tax included: " in shown
    assert subscription.state == "active"
    finance.post(page(subscription), arguments | {"seen": "now None credit"})
    subscription.refresh_from_db()
    assert subscription.state == "canceled"


def test_nothing_given_back_is_done_at_once(member, subscription):
    done = member("finance").post(page(subscription), {"when": "period", **NO_DATE}, follow=True)
    assert "ends on" in done.content.decode()


def test_it_says_so_where_nothing_is_cut_off(member, subscription):
    shown = member("finance").post(page(subscription), {"when": "period", "give_back": "refund", **NO_DATE})
    assert "nothing is given back" in shown.content.decode()


def test_it_goes_on_if_it_is_taken_back_in_time(member, subscription):
    finance = member("finance")
    own = reverse("admin:billing_subscription_change", args=[subscription.pk])
    assert page(subscription, "uncancel") not in finance.get(own).content.decode()
    finance.post(page(subscription), {"when": "period", **NO_DATE})
    assert page(subscription, "uncancel") in finance.get(own).content.decode()
    assert "goes on" in finance.post(page(subscription, "uncancel"), follow=True).content.decode()
    subscription.refresh_from_db()
    assert (subscription.state, subscription.ends_at) == ("active", None)


def test_one_that_runs_has_nothing_to_take_back(member, subscription):
    shown = member("finance").post(page(subscription, "uncancel")).content.decode()
    assert "nothing is to be taken back" in shown


@pytest.mark.parametrize("name", ["cancel", "uncancel"])
def test_support_may_look_and_not_end(member, subscription, name):
    assert member("support").get(page(subscription, name)).status_code == 403
