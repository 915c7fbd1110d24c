"""Spend caps over HTTP: set, read, shown with usage, removed."""

import pytest
from django.utils import timezone

from tests.api.calls import Caller, faults, problem
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe, use

HERE = "/subscriptions/acme-pro/spend-caps"


@pytest.fixture
def acme(seller):
    offers = [offer("api.calls", rates=[rate("0.05")], currency="EUR")]
    customer = make_customer("acme", seller=seller, currency="EUR")
    version = publish(make_plan("pro", offers=offers))
    return subscribe(customer, version, starts_at=timezone.now(), external_id="acme-pro")


def test_a_cap_is_set_shown_with_usage_and_removed(live, acme):
    use(acme, "api.calls", 100)
    response = live.post(HERE, {"amount": "7.50", "feature": "api.calls"})
    assert response.status_code == 201
    cap = response.json()
    assert live.get(HERE).json()["data"] == [cap]
    assert live.get(f"{HERE}/{cap['id']}").json() == cap
    (period,) = live.get("/customers/acme/usage").json()["periods"]
    (spend_cap,) = period["spend_caps"]
    assert (spend_cap["feature"], spend_cap["action"], spend_cap["set_by"]) == ("api.calls", "notify", "finance")
    amounts = [spend_cap[name]["amount"] for name in ("cap", "spent", "remaining")]
    assert amounts == ["7.5", "5", "2.5"]
    assert live.send("DELETE", f"{HERE}/{cap['id']}").status_code == 204
    assert live.get(HERE).json()["data"] == []


FAULTS = [
    ({}, "amount", "required"),
    ({"amount": "0.001"}, "amount", "refused"),
    ({"amount": "1", "action": "explode"}, "action", "invalid_choice"),
    ({"amount": "1", "action": "throttle"}, "per_minute", "invalid"),
    ({"amount": "1", "per_minute": 5}, "per_minute", "invalid"),
    ({"amount": "1", "feature": "nothing"}, "feature", "unknown"),
    ({"amount": "1", "currency": "XXQ"}, "currency", "invalid_choice"),
    ({"amount": "1", "limit": "2"}, "limit", "unknown"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_an_invalid_cap_is_rejected(live, acme, body, field, code):
    assert faults(live.post(HERE, body)) == {field: code}


def test_sandbox_keys_and_read_only_keys_are_refused(live, sandbox, acme):
    cap = live.post(HERE, {"amount": "1"}).json()
    problem(sandbox.get(HERE), 404, "not-found")
    problem(sandbox.send("DELETE", f"{HERE}/{cap['id']}"), 404, "not-found")
    problem(Caller(scopes=["read"]).post(HERE, {"amount": "1"}), 403, "scope-missing")
