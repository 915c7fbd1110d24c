"""Reservations over HTTP: created, committed, released; events sent with a check; the details of a refusal."""

import json

import pytest
import time_machine

from tests.api.calls import NOW, Caller, faults, problem
from tests.billing.limits.reservations.reservation_setup import capped_customer, prepaid_customer
from tests.builders import cap, make_plan, offer, publish

pytestmark = pytest.mark.django_db

RESERVATION = {"id": "run-7", "customer": "acme", "feature": "messages", "quantity": "60", "ttl": 60}


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def caller():
    return Caller()


def reserved(caller, **changes):
    response = caller.post("/reservations", {**RESERVATION, **changes})
    assert response.status_code == 201, response.content
    return json.loads(response.content)


def test_a_reservation_is_made_read_and_committed(caller):
    capped_customer(most=100)
    reservation = reserved(caller)
    assert {
        name: reservation[name] for name in ("id", "feature", "quantity", "state", "expires_at", "used", "held")
    } == {
        "id": "run-7",
        "feature": "messages",
        "quantity": "60",
        "state": "open",
        "expires_at": "2026-03-10T12:01:00Z",
        "used": None,
        "held": None,
    }
    assert reservation["check"]["remaining"] == "100"
    path = f"/reservations/{reservation['number']}"
    assert caller.get(path).json()["state"] == "open"

    done = caller.post(f"{path}/commit", {"quantity": "15"}).json()

    assert (done["state"], done["used"]) == ("committed", "15")
    payload = caller.post("/check", {"customer": "acme", "feature": "messages"}).json()
    assert (payload["used"], payload["reserved"], payload["remaining"]) == ("15", "0", "85")


def test_a_commit_stores_the_callers_events(caller):
    capped_customer()
    path = f"/reservations/{reserved(caller)['number']}"
    events = [{"id": "m1", "customer": "acme", "event": "messages", "properties": {"length": 1.5}}]

    assert caller.post(f"{path}/commit", {"events": events}).json()["used"] == "1"
    assert caller.post(f"{path}/commit", {"events": events}).json()["used"] == "1"
    assert faults(caller.post(f"{path}/commit", {"events": events, "quantity": "1"})) == {"events": "invalid"}


def test_a_released_reservation_cannot_be_committed(caller):
    capped_customer()
    path = f"/reservations/{reserved(caller)['number']}"

    assert caller.post(f"{path}/release", {}).json()["state"] == "released"
    problem(caller.post(f"{path}/commit", {}), 409, "conflict")


def test_a_refusal_has_the_remaining_quantity_and_the_remedy(caller):
    capped_customer(most=50)
    publish(make_plan("bigger", offers=[offer("messages", included=500, consumption="hard_cap")]))

    error = problem(caller.post("/reservations", RESERVATION), 402, "limit-reached")

    limit = error["limit"]
    assert (limit["reason"], limit["remaining"], limit["resets_at"]) == (
        "hard_cap_reached",
        "50",
        "2026-04-01T00:00:00Z",
    )
    assert limit["remedy"] == {
        "kind": "upgrade",
        "plans": [{"code": "bigger", "name": "Bigger", "included": "500", "consumption": "hard_cap"}],
    }


def test_a_wallet_refusal_has_the_missing_amount(caller):
    prepaid_customer(balance=20)

    arguments = {"customer": "acme", "feature": "runs", "quantity": 3, "properties": {"kind": "complex"}}
    payload = caller.post("/check", arguments).json()

    assert (payload["allowed"], payload["cost"]) == (False, {"amount": "30", "unit": "credits"})
    assert payload["balance"] == {"available": "20", "unit": "credits", "is_endless": False}
    assert payload["remedy"] == {"kind": "top_up", "unit": "credits", "missing": "10"}


def test_a_refusal_by_a_spend_cap_has_the_cap(caller):
    acme = capped_customer()
    cap(acme, 1, at=NOW, action="stop")

    payload = caller.post("/check", {"customer": "acme", "feature": "calls", "quantity": 3}).json()

    assert (payload["allowed"], payload["reason"]) == (False, "spend_cap_reached")
    assert payload["spend_cap"]["cap"] == {"amount": "1.00", "currency": "USD"}
    assert payload["remedy"] == {"kind": "raise_cap", "set_by": "finance"}


def test_an_event_sent_with_a_check_is_not_stored_when_refused(caller):
    capped_customer(most=1)
    event = {"id": "m1", "customer": "acme", "event": "messages"}

    assert caller.post("/events?check=true", event).json()["accepted"] == 1
    refused = problem(caller.post("/events?check=true", {**event, "id": "m2"}), 402, "limit-reached")
    assert refused["limit"]["reason"] == "hard_cap_reached"
    assert caller.post("/events", {**event, "id": "m2"}).json()["accepted"] == 1  # its id was not used up


WRONG = [
    ({"quantity": "0"}, "quantity", "positive"),
    ({"quantity": "x"}, "quantity", "number"),
    ({"ttl": 0}, "ttl", "min_value"),
    ({"ttl": 86_401}, "ttl", "max_value"),
    ({"customer": ""}, "customer", "blank"),
    ({"color": "red"}, "color", "unknown"),
]


@pytest.mark.parametrize(("changes", "field", "code"), WRONG)
def test_an_invalid_reservation_names_the_field(caller, changes, field, code):
    capped_customer()

    assert faults(caller.post("/reservations", {**RESERVATION, **changes})) == {field: code}


def test_an_unknown_customer_or_feature_is_not_found(caller):
    capped_customer()

    problem(caller.post("/reservations", {**RESERVATION, "customer": "nobody"}), 404, "not-found")
    problem(caller.post("/reservations", {**RESERVATION, "feature": "nothing"}), 404, "not-found")


def test_sandbox_keys_and_read_only_keys_are_refused(caller):
    capped_customer()
    reservation = reserved(caller)
    sandbox = Caller(sandbox=True)

    problem(sandbox.get(f"/reservations/{reservation['number']}"), 404, "not-found")
    problem(sandbox.post(f"/reservations/{reservation['number']}/commit", {}), 404, "not-found")
    problem(Caller(scopes=["read"]).post("/reservations", RESERVATION), 403, "scope-missing")
