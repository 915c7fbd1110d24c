"""Drafts over HTTP: made, replaced, activated, discarded."""

import pytest

from billing.models import Subscription
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, publish

BODY = {"id": "acme-1", "customer": "acme", "plan": "pro"}


@pytest.fixture(autouse=True)
def pro(live, seller):
    publish(make_plan("pro", fees=[fee("10", currency="EUR")]))
    make_customer("acme", seller=seller, currency="EUR")


def test_it_is_made_and_activated(live):
    told = live.post("/subscriptions", BODY | {"draft": True}).json()
    assert (told["state"], told["current_period"]) == ("draft", None)
    begun = live.post("/subscriptions/acme-1/activate", {}).json()
    assert (begun["state"], begun["id"]) == ("active", "acme-1")
    problem(live.post("/subscriptions/acme-1/activate", {}), 409, "conflict")


def test_it_is_replaced_and_discarded(live):
    live.post("/subscriptions", BODY | {"draft": True})
    starts_at = "2099-01-01T00:00:00Z"
    told = live.send("PUT", "/subscriptions/acme-1/draft", BODY | {"starts_at": starts_at, "trial_days": 7})
    assert told.json()["starts_at"] == starts_at
    assert Subscription.objects.get().drafted == {"trial_days": 7}
    assert live.send("DELETE", "/subscriptions/acme-1/draft").status_code == 204
    assert not Subscription.objects.exists()


def test_what_runs_is_not_discarded(live):
    live.post("/subscriptions", BODY)
    problem(live.send("DELETE", "/subscriptions/acme-1/draft"), 409, "conflict")
    problem(live.send("PUT", "/subscriptions/acme-1/draft", BODY), 409, "conflict")
