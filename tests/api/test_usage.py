"""Usage over HTTP: acknowledged events show at once, and amounts are exact text."""

import json
from decimal import Decimal

import pytest
import time_machine

from tests.api.calls import NOW, Caller, problem
from tests.billing.metering.ingest.ingest_setup import make_metered_subscription
from tests.builders import rate
from tests.wallets.test_usage_is_drawn_down import prepaid

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def caller():
    return Caller()


def event(id_, name="api.call", **properties):
    return {"id": id_, "customer": "acme", "event": name, "properties": properties}


def answer(response, status=200):
    assert response.status_code == status, response.content
    return json.loads(response.content, parse_float=Decimal)


def test_acknowledged_events_show_in_the_next_read(caller):
    make_metered_subscription()
    for number in range(1, 4):
        assert answer(caller.post("/events", event(f"c{number}")))["accepted"] == 1

        [period] = answer(caller.get("/customers/acme/usage"))["periods"]
        calls = next(feature for feature in period["features"] if feature["feature"] == "calls")
        assert (calls["used"], calls["cost"]) == (str(number), {"amount": f"0.0{number}", "currency": "USD"})


def test_shows_drawdowns_of_prepaid_usage_and_the_balance(caller):
    prepaid([rate("5")], balance=12)
    caller.post("/events", [{"id": str(n), "customer": "acme", "event": "run"} for n in range(2)])

    payload = answer(caller.get("/customers/acme/usage"))

    [feature] = payload["periods"][0]["features"]
    assert feature["drawn"] == {"amount": "10", "currency": "XCR"}
    [wallet] = payload["wallets"]
    assert (wallet["unit"], wallet["balance"], wallet["available"], wallet["debt"]) == ("credits", "2", "2", "0")


def test_shows_the_calculation_of_each_rate(caller):
    make_metered_subscription()
    tokens = {"status": "ok", "model": "gpt", "prompt_tokens": 1500, "completion_tokens": 10}
    caller.post("/events", event("r1", "llm.request", **tokens))

    [period] = answer(caller.get("/customers/acme/usage"))["periods"]

    feature = next(feature for feature in period["features"] if feature["feature"] == "tokens")
    assert (feature["used"], feature["included"], feature["remaining"]) == ("1510", "1000", "0")
    output, prompt = feature["rates"]
    assert (output["rate"], output["included"], output["amount"]["amount"]) == ("gpt output", "10", "0")
    assert (prompt["rate"], prompt["included"], prompt["billable"]) == ("gpt", "990", "510")
    assert prompt["parts"] == [
        {"from": "0", "to": None, "units": "510", "unit_price": "0.001", "flat_fee": "0", "amount": "0.51"}
    ]


def test_breaks_usage_down_by_day_and_dimension(caller):
    make_metered_subscription()
    for number, model in enumerate(("gpt", "claude", "gpt")):
        tokens = {"status": "ok", "model": model, "prompt_tokens": 10, "completion_tokens": 1}
        caller.post("/events", event(f"r{number}", "llm.request", **tokens))

    query = {"meter": "tokens", "since": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z", "group_by": "model"}
    payload = answer(caller.get("/customers/acme/usage/breakdown", **query))

    assert [(row["group"], row["quantity"]) for row in payload["rows"]] == [("claude", "11"), ("gpt", "22")]
    assert payload["rows"][0]["start"] == "2026-03-10T00:00:00Z"


REFUSED = [
    ({"since": "yesterday"}, "since"),
    ({"until": "2026-04-01T00:00:00"}, "until"),
    ({"window": "second"}, "window"),
    ({"window": "minute"}, "until"),
    ({"group_by": "color"}, "group_by"),
]


@pytest.mark.parametrize(("changes", "field"), REFUSED)
def test_an_invalid_breakdown_names_the_field(caller, changes, field):
    make_metered_subscription()
    query = {"meter": "tokens", "since": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z", **changes}

    refusal = problem(caller.get("/customers/acme/usage/breakdown", **query), 400, "invalid-fields")

    assert [error["field"] for error in refusal["errors"]] == [field]


@pytest.mark.parametrize("path", ["/customers/nobody/usage", "/customers/nobody/usage/breakdown"])
def test_an_unknown_customer_is_not_found(caller, path):
    problem(caller.get(path), 404, "not-found")


def test_a_test_key_does_not_see_a_live_customers_usage():
    make_metered_subscription()

    problem(Caller(sandbox=True).get("/customers/acme/usage"), 404, "not-found")
