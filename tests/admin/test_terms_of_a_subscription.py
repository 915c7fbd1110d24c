"""The page of a subscription shows its terms in words: prices, custom pricing, discounts, commitment, renewal."""

import pytest
from django.utils import timezone

from billing.models import Subscription
from billing.subscriptions import generate_periods
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, tier

LADDER = [tier("1000", "0.05"), tier(None, "0.04")]


@pytest.fixture
def subscription(db) -> Subscription:
    version = make_plan("pro", fees=[fee("10")], offers=[offer("calls", included=100, rates=[rate(tiers=LADDER)])])
    subscription = subscribe(make_customer("acme", time_zone="Europe/Berlin"), publish(version))
    generate_periods(until=timezone.now())
    return subscription


def rows(client, subscription):
    terms = client.get(f"/admin/billing/subscription/{subscription.pk}/change/").context["terms"]
    return {row.title: " ".join(row.sentences) for row in terms}


def test_the_terms_are_in_words(member, subscription):
    shown = rows(member("support"), subscription)
    assert f"{subscription.version} in USD" in shown["Plan"]
    assert "$10.00" in shown["Prices"]
    assert "100" in shown["Prices"]
    assert "1 – 1,000: $0.05" in shown["Prices"]
    assert "Europe/Berlin" in shown["Next renewal"]
    assert shown["Custom pricing"] == shown["Discounts"] == shown["Commitment"] == shown["Spend caps"] == ""


def test_none_is_said_in_a_word(member, subscription):
    page_text = member("support").get(f"/admin/billing/subscription/{subscription.pk}/change/").content.decode()
    assert '<span class="empty">None</span>' in page_text
