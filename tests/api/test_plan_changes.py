"""Plan changes over HTTP: shown before they are made, and made as they were shown."""

import pytest

from billing.models import Period, Subscription
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, offer, publish, rate


@pytest.fixture
def acme(seller):
    """Acme on a plan for 10 EUR a month; another one costs 40."""
    for code, amount in (("starter", "10"), ("pro", "40")):
        offers = [offer("api.calls", included=100, rates=[rate("0.05")], currency="EUR")]
        publish(make_plan(code, fees=[fee(amount, currency="EUR", billed="arrears")], offers=offers))
    return make_customer("acme", seller=seller, currency="EUR")


@pytest.fixture
def subscribed(live, acme):
    live.post("/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "starter"})
    return Subscription.objects.get(external_id="acme-1")


def test_a_preview_changes_nothing(live, subscribed):
    told = live.post("/subscriptions/acme-1/change", {"plan": "pro", "preview": True}).json()
    assert told["subscription"]["plan"] == "starter"
    assert [line["description"] for line in told["document"]["lines"]] == ["Starter: Base fee"]
    assert Period.objects.filter(continues__isnull=False).count() == 0


def test_a_change_holds_at_once(live, subscribed):
    told = live.post("/subscriptions/acme-1/change", {"plan": "pro"})
    assert told.status_code == 200
    assert told.json()["subscription"]["plan"] == "pro"
    part = Period.objects.get(continues__isnull=False)
    assert part.version.plan.code == "pro"
    assert live.get("/subscriptions/acme-1").json() == told.json()["subscription"]


def test_what_cannot_be_is_refused_in_words(live, subscribed):
    again = live.post("/subscriptions/acme-1/change", {"plan": "starter"})
    assert problem(again, 409, "conflict")["detail"] == "acme-1 is on Starter v1 already."
    unknown = live.post("/subscriptions/acme-1/change", {"plan": "gold"})
    assert unknown.status_code == 400
    assert Period.objects.filter(continues__isnull=False).count() == 0
