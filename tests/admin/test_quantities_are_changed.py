"""Seats and add-ons are changed on the subscription's page, after one has seen what it does to the next invoice."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.models import SubscriptionQuantity
from tests.builders import JAN, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription():
    fees = [fee("100"), fee("10", label="Seats", basis="seat", billed="arrears")]
    return subscribe(make_customer(), publish(make_plan(fees=fees), at=JAN), starts_at=timezone.now())


def page(subscription):
    return reverse("admin:billing_subscription_quantities", args=[subscription.pk])


def asked(quantity, **fields):
    return {"fee": "seats", "quantity": quantity, "since_0": "", "since_1": "", **fields}


def test_the_effect_is_shown_first_and_nothing_is_changed(member, subscription):
    shown = member("finance").post(page(subscription), asked(3)).content.decode()
    assert "The next invoice: " in shown
    assert "Change quantity" in shown
    assert not SubscriptionQuantity.objects.exists()


def test_what_was_seen_is_then_done(member, subscription):
    finance = member("finance")
    done = finance.post(page(subscription), asked(3, seen="seats 3 None", _reason="two teams"), follow=True)
    made = SubscriptionQuantity.objects.get()
    assert (made.quantity, made.reason, made.recorded_by) == (3, "two teams", done.wsgi_request.user)
    assert "Held now" in done.content.decode()


def test_another_quantity_than_the_one_seen_is_shown_anew(member, subscription):
    member("finance").post(page(subscription), asked(4, seen="seats 3 None"))
    assert not SubscriptionQuantity.objects.exists()


def test_a_refusal_says_why(member, subscription):
    past = timezone.now() - timedelta(days=3)
    fields = {"since_0": past.strftime("%Y-%m-%d"), "since_1": "00:00:00"}
    shown = member("finance").post(page(subscription), asked(4, **fields)).content.decode()
    assert "it starts then; choose that moment or a later one" in shown


def test_support_may_look_and_not_change(member, subscription):
    support = member("support")
    assert support.get(reverse("admin:billing_subscription_change", args=[subscription.pk])).status_code == 200
    assert support.get(page(subscription)).status_code == 403
