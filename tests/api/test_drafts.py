"""Draft subscriptions over HTTP: created, replaced, activated, discarded."""

import pytest

from billing.models import Subscription
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, publish

BODY = {"id": "acme-1", "customer": "acme", "plan": "pro"}


@pytest.fixture(autouse=True)
def pro(live, seller):
    publish(make_plan("pro", fees=[fee("10", currency="EUR")]))
    make_customer("acme", seller=seller, currency="EUR")


def test_a_draft_is_created_and_activated(live):
    payload = live.post("/subscriptions", BODY | {"draft": True}).json()
    assert (payload["state"], payload["current_period"]) == ("draft", None)
    activated = live.post("/subscriptions/acme-1/activate", {}).json()
    assert (activated["state"], activated["id"]) == ("active", "acme-1")
    problem(live.post("/subscriptions/acme-1/activate", {}), 409, "conflict")


def test_a_draft_is_replaced_and_discarded(live):
    live.post("/subscriptions", BODY | {"draft": True})
    starts_at = "2099-01-01T00:00:00Z"
    response = live.send("PUT", "/subscriptions/acme-1/draft", BODY | {"starts_at": starts_at, "trial_days": 7})
    assert response.json()["starts_at"] == starts_at
    assert Subscription.objects.get().drafted == {"trial_days": 7}
    assert live.send("DELETE", "/subscriptions/acme-1/draft").status_code == 204
    assert not Subscription.objects.exists()


def test_a_running_subscription_is_not_discarded(live):
    live.post("/subscriptions", BODY)
    problem(live.send("DELETE", "/subscriptions/acme-1/draft"), 409, "conflict")
    problem(live.send("PUT", "/subscriptions/acme-1/draft", BODY), 409, "conflict")
