"""Seats and add-ons are changed on the subscription's page, after a preview of the next invoice."""

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


def quantity_form(quantity, **fields):
    return {"fee": "seats", "quantity": quantity, "since_0": "", "since_1": "", **fields}


def test_the_preview_changes_nothing(member, subscription):
    page_text = member("finance").post(page(subscription), quantity_form(3)).content.decode()
    assert "Next invoice: " in page_text
    assert "Change quantity" in page_text
    assert not SubscriptionQuantity.objects.exists()


def test_a_confirmed_preview_is_applied(member, subscription):
    finance = member("finance")
    done = finance.post(page(subscription), quantity_form(3, seen="seats 3 None", _reason="two teams"), follow=True)
    change = SubscriptionQuantity.objects.get()
    assert (change.quantity, change.reason, change.recorded_by) == (3, "two teams", done.wsgi_request.user)
    assert "Scheduled" in done.content.decode()


def test_a_quantity_other_than_the_previewed_one_is_previewed_again(member, subscription):
    member("finance").post(page(subscription), quantity_form(4, seen="seats 3 None"))
    assert not SubscriptionQuantity.objects.exists()


def test_an_error_gives_the_reason(member, subscription):
    past = timezone.now() - timedelta(days=3)
    fields = {"since_0": past.strftime("%Y-%m-%d"), "since_1": "00:00:00"}
    page_text = member("finance").post(page(subscription), quantity_form(4, **fields)).content.decode()
    assert "it starts then. Choose that time or a later one" in page_text


def test_support_is_read_only(member, subscription):
    support = member("support")
    assert support.get(reverse("admin:billing_subscription_change", args=[subscription.pk])).status_code == 200
    assert support.get(page(subscription)).status_code == 403
