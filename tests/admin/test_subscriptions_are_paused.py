"""A pause is previewed, added and shown on the subscription's page, and ended there."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.closing import close_due
from tests.builders import JAN, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db

PAUSE_FORM = {
    "when": "now",
    "starts_at_0": "",
    "starts_at_1": "",
    "ends_at_0": "",
    "ends_at_1": "",
    "give_back": "credit",
}
NO_DATE = {"resumes_at_0": "", "resumes_at_1": ""}


@pytest.fixture
def subscription():
    fees = [fee("30", label="Base")]
    version = publish(make_plan(fees=fees, interval="day", count=30, anchor="anniversary", proration="day"), at=JAN)
    subscription = subscribe(make_customer(time_zone="UTC"), version, starts_at=timezone.now() - timedelta(days=10))
    close_due(at=timezone.now())
    return subscription


def page(subscription, name):
    return reverse(f"admin:billing_subscription_{name}", args=[subscription.pk])


def test_a_pause_is_previewed_added_and_ended(member, subscription):
    finance = member("finance")
    preview = finance.post(page(subscription, "pause"), PAUSE_FORM)
    subscription.refresh_from_db()
    assert "credits $20.00 with tax: " in preview.content.decode()
    assert subscription.state == "active"
    hidden_fields = dict(preview.context["hidden"])
    page_text = finance.post(page(subscription, "pause"), PAUSE_FORM | hidden_fields, follow=True).content.decode()
    assert "until resumed" in page_text
    assert page(subscription, "resume") in page_text
    assert page(subscription, "change_plan") not in page_text
    assert "is resumed." in finance.post(page(subscription, "resume"), NO_DATE, follow=True).content.decode()
    subscription.refresh_from_db()
    assert subscription.state == "active"


def test_a_running_subscription_is_not_resumed(member, subscription):
    assert "is not paused" in member("finance").post(page(subscription, "resume"), NO_DATE).content.decode()


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_support_can_not_pause(member, subscription, name):
    assert member("support").get(page(subscription, name)).status_code == 403
