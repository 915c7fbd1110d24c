"""Starting a subscription creates the subscription, its coverage, and the periods that bill it."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import Subscription
from billing.subscriptions import FeatureAlreadyPriced, SubscriptionRefused
from plans.models import PlanVersion
from tests.builders import (
    FEB,
    JAN,
    MAR,
    covered_features,
    fee,
    make_customer,
    make_feature,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
)

pytestmark = pytest.mark.django_db


def usage_plan(*features: str) -> PlanVersion:
    return publish(make_plan(offers=[offer(feature, rates=[rate("0.05")]) for feature in features]))


def kinds(subscription: Subscription) -> list[tuple[str, datetime]]:
    return list(subscription.periods.order_by("starts_at", "kind").values_list("kind", "starts_at"))


def test_a_plan_without_advance_fees_has_no_opening_period():
    assert kinds(subscribe(make_customer(), usage_plan("api.calls"))) == [("regular", JAN)]


@pytest.mark.parametrize("described", [fee("5"), fee("5", kind="one_time")])
def test_a_fee_in_advance_creates_an_opening_period_that_is_due_at_once(described: dict):
    subscription = subscribe(make_customer(), publish(make_plan(fees=[described])))
    opening = subscription.periods.get(kind="opening")
    assert (opening.starts_at, opening.ends_at, opening.due_at) == (JAN, JAN, JAN)


def test_past_periods_are_created_up_to_now():
    subscription = subscribe(make_customer(), usage_plan("api.calls"), starts_at=JAN, at=MAR - timedelta(days=1))
    assert kinds(subscription) == [("regular", JAN), ("regular", FEB)]


def test_the_next_period_is_created_two_hours_ahead():
    version = usage_plan("api.calls")
    soon = subscribe(make_customer(), version, at=FEB - timedelta(hours=2) + timedelta(seconds=1))
    later = subscribe(make_customer(), version, at=FEB - timedelta(hours=2))
    assert (soon.periods.count(), later.periods.count()) == (2, 1)


def test_a_future_start_has_its_first_period():
    assert kinds(subscribe(make_customer(), usage_plan("api.calls"), starts_at=FEB, at=JAN)) == [("regular", FEB)]


def test_a_period_is_due_when_the_sellers_grace_period_ends():
    seller = make_seller("patient", grace=timedelta(hours=6))
    period = subscribe(make_customer(seller=seller), usage_plan("api.calls")).periods.get()
    assert period.due_at == FEB + timedelta(hours=6)


def test_an_agreed_end_shortens_the_last_period():
    ends_at = datetime(2026, 1, 20, tzinfo=UTC)
    subscription = subscribe(make_customer(), usage_plan("api.calls"), ends_at=ends_at)
    assert subscription.periods.get().ends_at == ends_at
    assert subscription.coverage.get().during.upper == ends_at


def test_every_feature_of_the_version_is_covered():
    offers = [offer("api.calls", rates=[rate("1")]), offer(make_feature("sso", kind="boolean"))]
    assert covered_features(subscribe(make_customer(), publish(make_plan(offers=offers)))) == ["api.calls", "sso"]


def test_a_feature_is_priced_by_one_subscription_at_a_time():
    customer = make_customer()
    first = subscribe(customer, usage_plan("api.calls"), external_id="first")
    with pytest.raises(
        FeatureAlreadyPriced, match=r"api\.calls is already included in the subscription first"
    ) as refused:
        subscribe(customer, usage_plan("storage", "api.calls"), starts_at=FEB)
    assert (refused.value.other, refused.value.feature.code) == (first, "api.calls")
    assert Subscription.objects.count() == 1, "nothing is left of what was refused"


def test_a_named_subscription_may_price_what_another_prices():
    customer = make_customer()
    subscribe(customer, usage_plan("api.calls"))
    assert covered_features(subscribe(customer, usage_plan("api.calls"), named=True)) == ["api.calls"]


def test_other_customers_and_other_times_do_not_collide():
    customer = make_customer()
    subscribe(customer, usage_plan("api.calls"), ends_at=FEB)
    subscribe(customer, usage_plan("api.calls"), starts_at=FEB)
    subscribe(make_customer(), usage_plan("api.calls"))


REFUSED = [
    ({"currency": "EUR"}, "has no prices in EUR"),
    ({"ends_at": JAN}, "must be after the start"),
    ({"external_id": "taken"}, "A subscription taken already exists"),
    ({"starts_at": datetime(1800, 1, 1, tzinfo=UTC), "at": JAN}, "due periods at once"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_a_subscription_that_can_not_be_billed_is_rejected(changes: dict, words: str):
    subscribe(make_customer(), usage_plan("storage"), external_id="taken")
    with pytest.raises(SubscriptionRefused, match=words):
        subscribe(make_customer(), usage_plan("api.calls"), **changes)
    assert Subscription.objects.count() == 1


def test_the_sandbox_has_separate_names():
    subscribe(make_customer("acme"), usage_plan("storage"), external_id="main")
    sandbox_subscription = subscribe(make_customer("acme", sandbox=True), usage_plan("api.calls"), external_id="main")

    assert sandbox_subscription.sandbox
    with pytest.raises(SubscriptionRefused, match="A subscription main already exists"):
        subscribe(make_customer(sandbox=True), usage_plan("api.events"), external_id="main")


def test_a_version_that_is_not_published_is_refused():
    draft = make_plan(fees=[fee("5")])
    with pytest.raises(SubscriptionRefused, match="is draft"):
        subscribe(make_customer(), draft)
    scheduled = publish(make_plan(fees=[fee("5")]), effective_from=FEB)
    with pytest.raises(SubscriptionRefused, match="is scheduled"):
        subscribe(make_customer(), scheduled, starts_at=FEB)


def test_the_default_currency_is_the_customers():
    prices = {"USD": [rate("1")], "EUR": [rate("2")]}
    version = publish(make_plan(offers=[offer("api.calls", prices=prices)]))
    assert subscribe(make_customer(currency="EUR"), version).currency == "EUR"
    assert subscribe(make_customer(currency="EUR"), version, currency="USD").currency == "USD"
