"""Reservations over HTTP: held, committed, released; reports that ask; what a refusal tells."""

import json

import pytest
import time_machine

from tests.api.calls import NOW, Caller, faults, problem
from tests.billing.limits.reservations.world import capped_customer, prepaid_customer
from tests.builders import cap, make_plan, offer, publish

pytestmark = pytest.mark.django_db

ASKED = {"id": "run-7", "customer": "acme", "feature": "messages", "quantity": "60", "ttl": 60}


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def caller():
    return Caller()


def reserved(caller, **changes):
    response = caller.post("/reservations", {**ASKED, **changes})
    assert response.status_code == 201, response.content
    return json.loads(response.content)


def test_a_reservation_is_made_read_and_committed(caller):
    capped_customer(most=100)
    made = reserved(caller)
    assert {name: made[name] for name in ("id", "feature", "quantity", "state", "expires_at", "used", "held")} == {
        "id": "run-7",
        "feature": "messages",
        "quantity": "60",
        "state": "open",
        "expires_at": "2026-03-10T12:01:00Z",
        "used": None,
        "held": None,
    }
    assert made["check"]["remaining"] == "100"
    here = f"/reservations/{made['number']}"
    assert caller.get(here).json()["state"] == "open"

    done = caller.post(f"{here}/commit", {"quantity": "15"}).json()

    assert (done["state"], done["used"]) == ("committed", "15")
    told = caller.post("/check", {"customer": "acme", "feature": "messages"}).json()
    assert (told["used"], told["reserved"], told["remaining"]) == ("15", "0", "85")


def test_a_commit_stores_the_callers_events(caller):
    capped_customer()
    here = f"/reservations/{reserved(caller)['number']}"
    events = [{"id": "m1", "customer": "acme", "event": "messages", "properties": {"length": 1.5}}]

    assert caller.post(f"{here}/commit", {"events": events}).json()["used"] == "1"
    assert caller.post(f"{here}/commit", {"events": events}).json()["used"] == "1"
    assert faults(caller.post(f"{here}/commit", {"events": events, "quantity": "1"})) == {"events": "invalid"}


def test_a_released_reservation_cannot_be_committed(caller):
    capped_customer()
    here = f"/reservations/{reserved(caller)['number']}"

    assert caller.post(f"{here}/release", {}).json()["state"] == "released"
    problem(caller.post(f"{here}/commit", {}), 409, "conflict")


def test_a_refusal_says_what_is_left_and_what_would_help(caller):
    capped_customer(most=50)
    publish(make_plan("bigger", offers=[offer("messages", included=500, consumption="hard_cap")]))

    told = problem(caller.post("/reservations", ASKED), 402, "limit-reached")

    limit = told["limit"]
    assert (limit["reason"], limit["remaining"], limit["resets_at"]) == (
        "hard_cap_reached",
        "50",
        "2026-04-01T00:00:00Z",
    )
    assert limit["remedy"] == {"kind": "upgrade", "plans": ["bigger"]}


def test_a_wallet_tells_how_much_is_missing(caller):
    prepaid_customer(balance=20)

    arguments = {"customer": "acme", "feature": "runs", "quantity": 3, "properties": {"kind": "complex"}}
    told = caller.post("/check", arguments).json()

    assert (told["allowed"], told["cost"]) == (False, {"amount": "30", "unit": "credits"})
    assert told["balance"] == {"available": "20", "unit": "credits", "is_endless": False}
    assert told["remedy"] == {"kind": "top_up", "unit": "credits", "missing": "10"}


def test_a_cap_that_stops_is_told_with_what_is_spent(caller):
    acme = capped_customer()
    cap(acme, 1, at=NOW, action="stop")

    told = caller.post("/check", {"customer": "acme", "feature": "calls", "quantity": 3}).json()

    assert (told["allowed"], told["reason"]) == (False, "spend_cap_reached")
    assert told["spend_cap"]["cap"] == {"amount": "1.00", "currency": "USD"}
    assert told["remedy"] == {"kind": "raise_cap", "set_by": "finance"}


def test_a_report_that_asks_stores_nothing_when_it_is_refused(caller):
    capped_customer(most=1)
    event = {"id": "m1", "customer": "acme", "event": "messages"}

    assert caller.post("/events?check=true", event).json()["accepted"] == 1
    refused = problem(caller.post("/events?check=true", {**event, "id": "m2"}), 402, "limit-reached")
    assert refused["limit"]["reason"] == "hard_cap_reached"
    assert caller.post("/events", {**event, "id": "m2"}).json()["accepted"] == 1  # its id was not used up


WRONG = [
    ({"quantity": "0"}, "quantity", "invalid"),
    ({"quantity": "x"}, "quantity", "number"),
    ({"ttl": 0}, "ttl", "min_value"),
    ({"ttl": 86_401}, "ttl", "max_value"),
    ({"customer": ""}, "customer", "blank"),
    ({"color": "red"}, "color", "unknown"),
]


@pytest.mark.parametrize(("changes", "field", "code"), WRONG)
def test_what_is_asked_wrongly_names_its_field(caller, changes, field, code):
    capped_customer()

    assert faults(caller.post("/reservations", {**ASKED, **changes})) == {field: code}


def test_who_or_what_is_unknown_is_not_found(caller):
    capped_customer()

    problem(caller.post("/reservations", {**ASKED, "customer": "nobody"}), 404, "not-found")
    problem(caller.post("/reservations", {**ASKED, "feature": "nothing"}), 404, "not-found")


def test_another_world_and_a_key_that_only_reads_are_refused(caller):
    capped_customer()
    made = reserved(caller)
    sandbox = Caller(sandbox=True)

    problem(sandbox.get(f"/reservations/{made['number']}"), 404, "not-found")
    problem(sandbox.post(f"/reservations/{made['number']}/commit", {}), 404, "not-found")
    problem(Caller(scopes=["read"]).post("/reservations", ASKED), 403, "scope-missing")
