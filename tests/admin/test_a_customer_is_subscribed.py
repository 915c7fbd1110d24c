"""Finance subscribes a customer to a plan with every option of the API: currency, coupons, seats and add-ons."""

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.models import Subscription, SubscriptionQuantity
from plans.models import Coupon, Plan
from tests.builders import fee, make_coupon, make_customer, make_plan, offer, publish, rate

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    """Create a customer in USD, a plan with seats in USD and JPY, and a plan that prices calls in USD only."""
    seats = {"label": "Seats", "basis": "seat", "least": 1}
    publish(make_plan("team", fees=[fee(10, **seats), fee(1500, currency="JPY", **seats)]))
    publish(make_plan("calls", offers=[offer("api.calls", rates=[rate("1")])]))
    make_coupon("TEN", percent=10)
    make_coupon("YEN", amount=500, currency="JPY")
    return make_customer("acme")


@pytest.fixture
def subscribing(member, acme):
    """Return a function that posts the form and returns the page's text, or the address it redirects to."""
    client, address = member("finance"), reverse("admin:customers_customer_subscribe", args=[acme.pk])

    def post(plan, **typed):
        version = plan and plan.versions.get().pk
        now = timezone.now()
        fields = {"currency": "USD", "starts_at_0": f"{now:%Y-%m-%d}", "starts_at_1": f"{now:%H:%M:%S}"}
        return client.post(address, {"version": version, **fields, **typed}, follow=True).content.decode()

    post.page = client.get(address).content.decode()
    return post


def test_the_page_lists_plans_quantities_and_coupons(subscribing):
    for part in ("Team v1 (JPY, USD)", "Calls v1 (USD)", "USD (customer", "Team: at least 1", "TEN: 10% off"):
        assert part in subscribing.page, part


def test_in_another_currency_with_seats_and_coupons(subscribing):
    coupons = [Coupon.objects.get(code=code).pk for code in ("TEN", "YEN")]
    subscribing(Plan.objects.get(code="team"), currency="JPY", coupons=coupons, quantity_seats="4")
    subscription = Subscription.objects.get()
    assert (str(subscription.currency), subscription.version.plan.code) == ("JPY", "team")
    assert list(subscription.redemptions.order_by("position").values_list("coupon__code", flat=True)) == [
        "TEN",
        "YEN",
    ]
    assert SubscriptionQuantity.objects.get().quantity == 4


REFUSED = [
    # plan   typed                            message
    ("calls", {"currency": "JPY"},            "Calls v1 has no prices in JPY. Choose USD."),
    ("calls", {"quantity_seats": "2"},        "Calls v1 has no fee for Seats. Leave this field empty."),
    ("team",  {"quantity_seats": "0"},        "0 is out of range. Enter 1 to 1,000,000"),
    ("team",  {"coupons": "YEN"},             "is an amount in JPY"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "typed", "message"), REFUSED)
def test_an_invalid_form_shows_the_error_and_creates_no_subscription(subscribing, plan, typed, message):
    if "coupons" in typed:
        typed = {"coupons": [Coupon.objects.get(code=typed["coupons"]).pk]}
    assert message in subscribing(Plan.objects.get(code=plan), **typed)
    assert not Subscription.objects.exists()
