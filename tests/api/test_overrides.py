"""A subscription's overrides over HTTP: added, listed, ended, and rejected with the invalid field."""

import pytest
from django.utils import timezone

from billing.models import Override
from tests.api.calls import Caller, faults, problem
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe

BODY = {"feature": "api.calls", "figure": "percent", "value": "-20", "reason": "Deal 7"}
HERE = "/subscriptions/acme-pro/overrides"


@pytest.fixture
def acme(seller):
    offers = [offer("api.calls", rates=[rate("0.05")], currency="EUR")]
    customer = make_customer("acme", seller=seller, currency="EUR")
    return subscribe(
        customer, publish(make_plan("pro", offers=offers)), starts_at=timezone.now(), external_id="acme-pro"
    )


def test_a_term_is_added_and_listed(live, acme):
    response = live.post(HERE, BODY)
    assert response.status_code == 201
    assert live.get(HERE).json()["data"] == [response.json()]
    running = live.get("/subscriptions/acme-pro").json()["current_period"]
    override = {name: response.json()[name] for name in (*BODY, "match", "starts_at", "ends_at")}
    assert override == BODY | {"match": {}, "starts_at": running["end"], "ends_at": None}


def test_an_override_is_ended(live, acme):
    override = live.post(HERE, BODY | {"starts_at": acme.starts_at.isoformat()}).json()
    ended = live.post(f"{HERE}/{override['id']}/end", {}).json()
    assert ended["ends_at"] == live.get("/subscriptions/acme-pro").json()["current_period"]["end"]
    assert faults(live.post(f"{HERE}/{override['id']}/end", {})) == {"ends_at": "refused"}


FAULTS = [
    # changes                                      field       code
    ({"feature": "nothing"},                       "feature",  "unknown"),
    ({"figure": "everything"},                       "figure",     "invalid_choice"),
    ({"value": "-101"},                            "value",    "refused"),
    ({"value": "much"},                            "value",    "number"),
    ({"figure": "price", "match": {"model": "x"}},   "match",    "refused"),
    ({"match": {"model": "x"}},                    "match",    "refused"),
    ({"ends_at": "2026-01-01T00:00:00Z"},          "ends_at",  "refused"),
    ({"reason": ""},                               "reason",   "blank"),
    ({"until": "2026-01-01T00:00:00Z"},            "until",    "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field", "code"), FAULTS)
def test_an_invalid_override_is_rejected(live, acme, changes, field, code):
    assert faults(live.post(HERE, BODY | changes)) == {field: code}
    assert not Override.objects.exists()


def test_a_repeated_post_adds_one_override(live, acme):
    first, repeated = (live.post(HERE, BODY, Idempotency_Key="k").json() for _ in range(2))
    assert first == repeated
    assert Override.objects.count() == 1


def test_sandbox_keys_and_read_only_keys_are_refused(sandbox, acme):
    problem(sandbox.get(HERE), 404, "not-found")
    problem(sandbox.post(HERE, BODY), 404, "not-found")
    reader = Caller(scopes=["read"])
    problem(reader.post(HERE, BODY), 403, "scope-missing")
    assert reader.get(HERE).status_code == 200
