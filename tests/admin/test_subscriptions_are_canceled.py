"""A cancellation shows its refund before it is confirmed, and can be undone until it takes effect."""

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
    """
    Return a subscription with 20 of 30 paid days left; the credit is exact to the cent however long the test takes.
    """
    fees = [fee("30", label="Base")]
    version = publish(make_plan(fees=fees, interval="day", count=30, anchor="anniversary", proration="day"), at=JAN)
    subscription = subscribe(make_customer(time_zone="UTC"), version, starts_at=timezone.now() - timedelta(days=10))
    close_due(at=timezone.now())
    return subscription


def page(subscription, name="cancel"):
    return reverse(f"admin:billing_subscription_{name}", args=[subscription.pk])


def test_the_refund_is_previewed(member, subscription):
    finance = member("finance")
    arguments = {"when": "now", "give_back": "credit", **NO_DATE}
    page_text = finance.post(page(subscription), arguments).content.decode()
    subscription.refresh_from_db()
    assert "credits $20.00 with tax: " in page_text
    assert subscription.state == "active"
    finance.post(page(subscription), arguments | {"seen": "now None credit"})
    subscription.refresh_from_db()
    assert subscription.state == "canceled"


def test_a_cancellation_without_refund_needs_no_preview(member, subscription):
    done = member("finance").post(page(subscription), {"when": "period", **NO_DATE}, follow=True)
    assert "ends on" in done.content.decode()


def test_a_cancellation_at_period_end_refunds_nothing(member, subscription):
    response = member("finance").post(page(subscription), {"when": "period", "give_back": "refund", **NO_DATE})
    assert "There is no unused prepaid time to credit" in response.content.decode()


def test_a_cancellation_is_undone_before_it_takes_effect(member, subscription):
    finance = member("finance")
    address = reverse("admin:billing_subscription_change", args=[subscription.pk])
    assert page(subscription, "uncancel") not in finance.get(address).content.decode()
    finance.post(page(subscription), {"when": "period", **NO_DATE})
    assert page(subscription, "uncancel") in finance.get(address).content.decode()
    assert "is undone" in finance.post(page(subscription, "uncancel"), follow=True).content.decode()
    subscription.refresh_from_db()
    assert (subscription.state, subscription.ends_at) == ("active", None)


def test_a_running_subscription_has_no_cancellation_to_undo(member, subscription):
    page_text = member("finance").post(page(subscription, "uncancel")).content.decode()
    assert "there is no cancellation to undo" in page_text


@pytest.mark.parametrize("name", ["cancel", "uncancel"])
def test_support_can_not_cancel(member, subscription, name):
    assert member("support").get(page(subscription, name)).status_code == 403
