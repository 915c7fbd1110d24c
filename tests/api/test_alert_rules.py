"""Alert rules and alerts over HTTP: the customer's own are set and removed, what was told is listed."""

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


def test_ones_own_is_set_read_replaced_and_removed(live, acme):
    arguments = {"customer": "acme", "kind": "spend", "amount": "50.00", "levels": [80]}
    told = live.post(HERE, arguments)
    assert told.status_code == 201
    made = told.json()
    assert (made["set_by"], made["currency"], made["levels"], made["amount"]) == ("customer", "EUR", [80], "50")
    assert live.get(f"{HERE}/{made['id']}").json() == made
    assert live.get(f"{HERE}?customer=acme").json()["data"] == [made]
    assert live.post(HERE, arguments | {"levels": [90]}).json()["id"] == made["id"]
    assert live.send("DELETE", f"{HERE}/{made['id']}").status_code == 204
    assert live.get(f"{HERE}?customer=acme").json()["data"] == []


def test_what_holds_for_everybody_is_seen_and_not_removed(live, acme):
    found = live.get(f"{HERE}?set_by=finance&kind=allowance").json()["data"]
    assert [(one["customer"], one["levels"]) for one in found] == [(None, [50, 75, 90, 100])]
    assert faults(live.send("DELETE", f"{HERE}/{found[0]['id']}")) == {"set_by": "refused"}


FAULTS = [
    ({"kind": "spend", "amount": "1"}, "customer", "required"),
    ({"customer": "acme"}, "kind", "required"),
    ({"customer": "nobody", "kind": "cap"}, "customer", "unknown"),
    ({"customer": "acme", "kind": "other"}, "kind", "invalid_choice"),
    ({"customer": "acme", "kind": "spend"}, "amount", "refused"),
    ({"customer": "acme", "kind": "cap", "subscription": "other"}, "subscription", "unknown"),
    ({"customer": "acme", "kind": "cap", "feature": "other"}, "feature", "unknown"),
    ({"customer": "acme", "kind": "cap", "is_on": False}, "is_on", "unknown"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_what_cannot_be_watched_is_refused(live, acme, body, field, code):
    assert faults(live.post(HERE, body)) == {field: code}


def test_alerts_are_listed_by_state(live, acme):
    use(acme, "mails", 8)
    evaluate_alerts(at=timezone.now())
    found = live.get("/alerts?customer=acme&state=open").json()["data"]
    assert [(one["kind"], one["threshold"], one["value"], one["limit"]) for one in found] == [
        ("allowance", 75, "8", "10"),
        ("allowance", 50, "8", "10"),
    ]
    assert (found[0]["feature"], found[0]["subscription"], found[0]["unit"]) == ("mails", "acme-pro", "call")
    assert live.get("/alerts?state=recovered").json()["data"] == []
    assert faults(live.get("/alerts?state=other")) == {"state": "invalid"}


def test_the_other_world_and_a_key_that_only_reads_are_refused(live, sandbox, acme):
    made = live.post(HERE, {"customer": "acme", "kind": "cap"}).json()
    problem(sandbox.get(f"{HERE}/{made['id']}"), 404, "not-found")
    assert faults(sandbox.post(HERE, {"customer": "acme", "kind": "cap"})) == {"customer": "unknown"}
    problem(Caller(scopes=["read"]).post(HERE, {"customer": "acme", "kind": "cap"}), 403, "scope-missing")
    use(acme, "mails", 8)
    evaluate_alerts(at=timezone.now())
    assert sandbox.get("/alerts").json()["data"] == []
