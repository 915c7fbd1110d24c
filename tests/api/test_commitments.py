"""A subscription's own commitments over HTTP: added, listed, ended, and rejected with the invalid field."""

import pytest
from django.utils import timezone

from tests.api.calls import Caller, faults
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe

BODY = {"minimum": "1200", "periods": 12, "overage_factor": "1.5", "discount": "10", "reason": "Deal 7"}
HERE = "/subscriptions/acme-pro/commitments"


@pytest.fixture
def acme(seller):
    offers = [offer("api.calls", rates=[rate("0.05")], currency="EUR")]
    customer = make_customer("acme", seller=seller, currency="EUR")
    version = publish(make_plan("pro", offers=offers))
    return subscribe(customer, version, starts_at=timezone.now(), external_id="acme-pro")


def test_a_term_is_added_and_listed(live, acme):
    response = live.post(HERE, BODY)
    assert response.status_code == 201, response.content
    assert live.get(HERE).json()["data"] == [response.json()]
    commitment = {name: response.json()[name] for name in (*BODY, "currency", "trues_up", "starts_at", "ends_at")}
    next_period = live.get("/subscriptions/acme-pro").json()["current_period"]["end"]
    assert commitment == BODY | {"currency": "EUR", "trues_up": True, "starts_at": next_period, "ends_at": None}


def test_units_of_a_feature_are_committed(live, acme):
    body = {"units": "1000000", "feature": "api.calls", "reason": "Deal 8"}
    response = live.post(HERE, body)
    assert response.status_code == 201, response.content
    stored = {name: response.json()[name] for name in (*body, "minimum", "per_window")}
    assert stored == body | {"minimum": None, "per_window": False}


def test_a_commitment_is_withdrawn_before_it_starts(live, acme):
    commitment = live.post(HERE, BODY).json()
    ended = live.post(f"{HERE}/{commitment['id']}/end", {}).json()
    assert ended["ends_at"] == ended["starts_at"]
    assert faults(live.post(f"{HERE}/{commitment['id']}/end", {})) == {"ends_at": "refused"}


FAULTS = [
    # changes                                field              code
    ({"minimum": "-1"}, "minimum", "negative"),
    ({"minimum": "10.005"}, "minimum", "refused"),
    ({"units": "5", "feature": "api.calls"}, "minimum", "invalid"),
    ({"feature": "unknown"}, "feature", "refused"),
    ({"feature": "api.calls", "per_window": True}, "periods", "invalid"),
    ({"periods": 0}, "periods", "min_value"),
    ({"overage_factor": "101"}, "overage_factor", "most"),
    ({"discount": "101"}, "discount", "most"),
    ({"ends_at": "2026-01-01T00:00:00Z"}, "ends_at", "refused"),
    ({"reason": ""}, "reason", "blank"),
    ({"until": "2026-01-01T00:00:00Z"}, "until", "unknown"),
]


@pytest.mark.parametrize(("changes", "field", "code"), FAULTS)
def test_an_invalid_field_is_named(live, acme, changes, field, code):
    assert faults(live.post(HERE, BODY | changes)) == {field: code}
    assert live.get(HERE).json()["data"] == []


def test_read_only_keys_add_none_and_sandbox_keys_see_none(acme, sandbox):
    assert Caller(scopes=["read"]).post(HERE, BODY).status_code == 403
    assert sandbox.get(HERE).status_code == 404
