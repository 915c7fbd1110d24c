"""Alert rules and alerts over HTTP: a customer's rules are set and removed, and alerts are listed."""

import pytest
from django.utils import timezone

from billing.limits.alerts.evaluation import evaluate_alerts
from tests.api.calls import Caller, faults, problem
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, subscribe, use

HERE = "/alert-rules"


@pytest.fixture
def acme(seller):
    feature = make_feature("mails", meter=make_meter("mails"))
    version = publish(make_plan("pro", offers=[offer(feature, included=10, consumption="hard_cap")]))
    customer = make_customer("acme", seller=seller, currency="EUR")
    return subscribe(customer, version, starts_at=timezone.now(), external_id="acme-pro", currency="EUR")


def test_a_customers_rule_is_set_read_replaced_and_removed(live, acme):
    arguments = {"customer": "acme", "kind": "spend", "amount": "50.00", "levels": [80]}
    response = live.post(HERE, arguments)
    assert response.status_code == 201
    rule = response.json()
    assert (rule["set_by"], rule["currency"], rule["levels"], rule["amount"]) == ("customer", "EUR", [80], "50")
    assert live.get(f"{HERE}/{rule['id']}").json() == rule
    assert live.get(f"{HERE}?customer=acme").json()["data"] == [rule]
    assert live.post(HERE, arguments | {"levels": [90]}).json()["id"] == rule["id"]
    assert live.send("DELETE", f"{HERE}/{rule['id']}").status_code == 204
    assert live.get(f"{HERE}?customer=acme").json()["data"] == []


def test_a_default_rule_is_listed_and_can_not_be_removed(live, acme):
    rows = live.get(f"{HERE}?set_by=finance&kind=allowance").json()["data"]
    assert [(row["customer"], row["levels"]) for row in rows] == [(None, [50, 75, 90, 100])]
    assert faults(live.send("DELETE", f"{HERE}/{rows[0]['id']}")) == {"set_by": "refused"}


FAULTS = [
    ({"kind": "spend", "amount": "1"}, "customer", "required"),
    ({"customer": "acme"}, "kind", "required"),
    ({"customer": "nobody", "kind": "cap"}, "customer", "unknown"),
    ({"customer": "acme", "kind": "other"}, "kind", "invalid_choice"),
    ({"customer": "acme", "kind": "spend"}, "amount", "invalid"),
    ({"customer": "acme", "kind": "cap", "subscription": "other"}, "subscription", "unknown"),
    ({"customer": "acme", "kind": "cap", "feature": "other"}, "feature", "unknown"),
    ({"customer": "acme", "kind": "cap", "is_on": False}, "is_on", "unknown"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_an_invalid_rule_is_rejected(live, acme, body, field, code):
    assert faults(live.post(HERE, body)) == {field: code}


def test_alerts_are_listed_by_state(live, acme):
    use(acme, "mails", 8)
    evaluate_alerts(at=timezone.now())
    rows = live.get("/alerts?customer=acme&state=open").json()["data"]
    assert [(row["kind"], row["threshold"], row["value"], row["limit"]) for row in rows] == [
        ("allowance", 75, "8", "10"),
        ("allowance", 50, "8", "10"),
    ]
    assert (rows[0]["feature"], rows[0]["subscription"], rows[0]["unit"]) == ("mails", "acme-pro", "call")
    assert live.get("/alerts?state=recovered").json()["data"] == []
    assert faults(live.get("/alerts?state=other")) == {"state": "invalid"}


def test_sandbox_keys_and_read_only_keys_are_refused(live, sandbox, acme):
    rule = live.post(HERE, {"customer": "acme", "kind": "cap"}).json()
    problem(sandbox.get(f"{HERE}/{rule['id']}"), 404, "not-found")
    assert faults(sandbox.post(HERE, {"customer": "acme", "kind": "cap"})) == {"customer": "unknown"}
    problem(Caller(scopes=["read"]).post(HERE, {"customer": "acme", "kind": "cap"}), 403, "scope-missing")
    use(acme, "mails", 8)
    evaluate_alerts(at=timezone.now())
    assert sandbox.get("/alerts").json()["data"] == []
