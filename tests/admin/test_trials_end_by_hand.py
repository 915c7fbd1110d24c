"""A trial's page says what becomes due when it ends now, and lets it end now or later."""

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


def test_it_says_what_becomes_due(member, subscription):
    shown = member("finance").get(page(subscription)).content.decode()
    assert "If it ends now, $31.00 is due" in shown
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
    shown = member("finance").post(page(subscription), {"when": "later", "ends_at_0": "", "ends_at_1": ""})
    assert "Enter the date that the trial lasts until" in shown.content.decode()


def test_only_what_is_in_trial_offers_it(member, subscription):
    finance = member("finance")
    own = reverse("admin:billing_subscription_change", args=[subscription.pk])
    assert page(subscription) in finance.get(own).content.decode()
    finance.post(page(subscription), {"when": "now", "ends_at_0": "", "ends_at_1": ""})
    assert page(subscription) not in finance.get(own).content.decode()


def test_support_may_look_and_not_change(member, subscription):
    assert member("support").get(page(subscription)).status_code == 403


def test_a_trial_is_agreed_on_subscribing(member):
    customer = make_customer()
    version = publish(make_plan(fees=[fee("31")]), at=JAN)
    now = timezone.now()
    fields = {"version": version.pk, "starts_at_0": now.strftime("%Y-%m-%d"), "starts_at_1": "00:00:00"}
    asked = reverse("admin:customers_customer_subscribe", args=[customer.pk])
    member("finance").post(asked, fields | {"currency": "USD", "trial_days": "30", "external_id": ""})
    made = customer.subscriptions.get()
    assert (made.state, made.trial_ends_at - made.starts_at) == ("trialing", timedelta(days=30))


def test_who_has_no_trial_is_told_so(member):
    version = publish(make_plan(fees=[fee("31")]), at=JAN)
    without = subscribe(make_customer(), version, starts_at=timezone.now() - timedelta(days=2))
    shown = member("finance").get(page(without))
    assert f"{without} is in no trial" in shown.content.decode()
