"""The usage check over HTTP: message 501 of 500 is refused, and invalid requests name the field."""

import json

import pytest
import time_machine

from tests.api.calls import NOW, Caller, problem
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def caller():
    offers = [offer("messages", included=500, consumption="hard_cap"), offer("prompts", rates=[rate("0.05")])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    return Caller()


def check_usage(caller, **question):
    response = caller.post("/check", {"customer": "acme", "feature": "messages", **question})
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def test_message_501_of_500_is_refused(caller):
    events = [{"id": f"m{number}", "customer": "acme", "event": "messages"} for number in range(499)]
    caller.post("/events", events)
    assert check_usage(caller)["allowed"] is True

    caller.post("/events", {"id": "m500", "customer": "acme", "event": "messages"})

    assert check_usage(caller) == {
        "allowed": False,
        "reason": "hard_cap_reached",
        "consumption": "hard_cap",
        "used": "500",
        "included": "500",
        "reserved": "0",
        "remaining": "0",
        "resets_at": "2026-04-01T00:00:00Z",
        "cost": None,
        "balance": None,
        "spend_cap": None,
        "limits": [{"kind": "hard_cap", "used": "500", "limit": "500", "resets_at": "2026-04-01T00:00:00Z"}],
        "retry_after": None,
        "remedy": {"kind": "upgrade", "plans": []},
        "when_unreachable": "open",
    }


@pytest.mark.parametrize("quantity", [500, "500", "499.5", 0])
def test_a_quantity_is_a_number_or_its_text(caller, quantity):
    assert check_usage(caller, quantity=quantity)["allowed"] is True


WRONG = [
    (b"", "body"),
    (b"[]", "body"),
    (b'{"customer":"acme"}', "body"),
    (b'{"customer":"acme","feature":"messages","quantity":-1}', "quantity"),
    (b'{"customer":"acme","feature":"messages","quantity":"NaN"}', "quantity"),
    (b'{"customer":"acme","feature":"messages","quantity":"Infinity"}', "quantity"),
    (b'{"customer":"acme","feature":"messages","quantity":1e400}', "quantity"),
    (b'{"customer":"acme","feature":"messages","quantity":' + b"9" * 5000 + b"}", "body"),
    (b'{"customer":"a\\u0000","feature":"messages"}', "customer"),
    (b'{"customer":"acme","feature":"messages","color":"red"}', "body"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_an_invalid_request_names_its_field(caller, body, field):
    refusal = problem(caller.send("POST", "/check", body), 400, "invalid-fields")

    assert [error["field"] for error in refusal["errors"]] == [field]


@pytest.mark.parametrize("changes", [{"customer": "nobody"}, {"feature": "nothing"}])
def test_an_unknown_customer_or_feature_is_not_found(caller, changes):
    arguments = {"customer": "acme", "feature": "messages", **changes}

    problem(caller.post("/check", arguments), 404, "not-found")
