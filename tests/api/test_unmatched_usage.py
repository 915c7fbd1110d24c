"""Unmatched usage over HTTP: usage without a price, the reason, and an estimate."""

import pytest

from tests.api.calls import Caller
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller():
    meter = make_meter("tokens", event_name="llm", aggregation="sum", value_property="n", dimensions=["model"])
    offers = [offer(make_feature("tokens", meter=meter), rates=[rate("0.02", match={"model": "gpt"})])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    return Caller()


def event(id_, customer="acme", **properties):
    return {"id": id_, "customer": customer, "event": "llm", "properties": properties}


def test_groups_have_an_estimate_where_one_is_possible(caller):
    sent = [event("a", model="llama", n=100), event("b", model="llama", n=50), event("c", model="gpt")]
    caller.post("/events", sent)
    answer = caller.get("/unmatched-usage").json()
    group = {"customer": "acme", "event": "llm", "meter": "tokens", "unit": "call"}
    assert answer == {
        "data": [
            {
                "reason": "no_rate",
                **group,
                "events": 2,
                "quantity": "150",
                "estimate": {"amount": "3.00", "currency": "USD"},
                "estimated_by": "dearest_rate",
            },
            {
                "reason": "bad_value",
                **group,
                "events": 1,
                "quantity": None,
                "estimate": None,
                "estimated_by": None,
            },
        ],
        "not_sold": [],
        "complete": True,
    }


def test_a_list_is_filtered_by_customer(caller):
    caller.post("/events", [event("a", customer="x", n=1), event("b", customer="y", n=1)])
    assert [entry["customer"] for entry in caller.get("/unmatched-usage", customer="x").json()["data"]] == ["x"]


def test_sandbox_keys_see_no_live_usage(caller):
    caller.post("/events", event("a", customer="x", n=1))
    assert Caller(sandbox=True).get("/unmatched-usage").json()["data"] == []
