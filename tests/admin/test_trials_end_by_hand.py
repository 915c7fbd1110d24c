"""A trial's page shows the amount due if it ends now, and ends it now or on a date."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.builders import JAN, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription():
    version = publish(make_plan(fees=[fee("31")], anchor="anniversary", trial_days=14), at=JAN)
    return subscribe(make_customer(), version, starts_at=timezone.now() - timedelta(days=2))


def page(subscription):
    return reverse("admin:billing_subscription_trial", args=[subscription.pk])


def test_the_page_shows_the_amount_due(member, subscription):
    page_text = member("finance").get(page(subscription)).content.decode()
    assert "If it ends now, $31.00 with tax is invoiced" in page_text
    assert subscription.periods.count() == 1


def test_it_ends_now(member, subscription):
    done = member("finance").post(page(subscription), {"when": "now", "ends_at_0": "", "ends_at_1": ""}, follow=True)
    subscription.refresh_from_db()
    assert subscription.state == "active"
    assert "ends on" in done.content.decode()


def test_it_ends_later(member, subscription):
    later = timezone.now() + timedelta(days=40)
    fields = {"when": "later", "ends_at_0": later.strftime("%Y-%m-%d"), "ends_at_1": "00:00:00"}
    member("finance").post(page(subscription), fields)
    subscription.refresh_from_db()
    assert subscription.trial_ends_at.date() == later.date()


def test_a_later_end_needs_a_date(member, subscription):
    response = member("finance").post(page(subscription), {"when": "later", "ends_at_0": "", "ends_at_1": ""})
    assert "Enter the date on which the trial ends" in response.content.decode()


def test_only_a_trial_has_the_button(member, subscription):
    finance = member("finance")
    address = reverse("admin:billing_subscription_change", args=[subscription.pk])
    assert page(subscription) in finance.get(address).content.decode()
    finance.post(page(subscription), {"when": "now", "ends_at_0": "", "ends_at_1": ""})
    assert page(subscription) not in finance.get(address).content.decode()


def test_support_is_read_only(member, subscription):
    assert member("support").get(page(subscription)).status_code == 403


def test_a_trial_is_added_to_a_new_subscription(member):
    customer = make_customer()
    version = publish(make_plan(fees=[fee("31")]), at=JAN)
    now = timezone.now()
    fields = {"version": version.pk, "starts_at_0": now.strftime("%Y-%m-%d"), "starts_at_1": "00:00:00"}
    address = reverse("admin:customers_customer_subscribe", args=[customer.pk])
    member("finance").post(address, fields | {"currency": "USD", "trial_days": "30", "external_id": ""})
    subscription = customer.subscriptions.get()
    assert (subscription.state, subscription.trial_ends_at - subscription.starts_at) == (
        "trialing",
        timedelta(days=30),
    )


def test_a_subscription_without_a_trial_says_so(member):
    version = publish(make_plan(fees=[fee("31")]), at=JAN)
    without = subscribe(make_customer(), version, starts_at=timezone.now() - timedelta(days=2))
    response = member("finance").get(page(without))
    assert f"{without} has no trial now" in response.content.decode()
