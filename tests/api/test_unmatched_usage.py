"""Unmatched usage over HTTP: usage without a price, the reason, and an estimate."""

import pytest

from tests.api.calls import Caller, problem
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


def reports(caller, **query):
    return caller.get("/unmatched-usage/reports", **query).json()["data"]


def test_reports_are_dismissed_and_count_again(caller):
    caller.post("/events", [event("a", customer="x", n=1), event("b", customer="y", n=1)])
    by_customer = {report["customer"]: report for report in reports(caller)}
    assert (by_customer["x"]["event"], by_customer["x"]["reason"]) == ("llm", "unknown_customer")
    assert (by_customer["x"]["meter"], by_customer["x"]["dismissal"]) == (None, None)
    ids = [by_customer[name]["id"] for name in "xy"]
    answer = caller.post("/unmatched-usage/dismiss", {"reports": ids[:1], "reason": "Load test"})
    assert answer.json() == {"changed": 1}
    assert [report["customer"] for report in reports(caller)] == ["y"]
    assert [report["dismissal"] for report in reports(caller, status="dismissed")] == ["Load test"]
    assert [group["customer"] for group in caller.get("/unmatched-usage").json()["data"]] == ["y"]
    assert caller.post("/unmatched-usage/undo-dismissal", {"reports": ids}).json() == {"changed": 1}
    assert len(reports(caller)) == 2


def test_reports_are_filtered(caller):
    caller.post("/events", [event("a", customer="x", n=1), event("b", customer="y", n=1), event("c", model="gpt")])
    assert [report["customer"] for report in reports(caller, customer="x")] == ["x"]
    assert [report["reason"] for report in reports(caller, reason="bad_value")] == ["bad_value"]
    assert reports(caller, status="not_sold") == []
    problem(caller.get("/unmatched-usage/reports", status="lost"), 400, "invalid-fields")


def test_reports_of_the_other_side_are_unknown(caller):
    caller.post("/events", event("a", customer="x", n=1))
    [report] = reports(caller)
    body = {"reports": [report["id"]], "reason": "Load test"}
    problem(Caller(sandbox=True).post("/unmatched-usage/dismiss", body), 404, "not-found")
    assert len(reports(caller)) == 1


def test_a_dismissal_needs_a_reason(caller):
    problem(caller.post("/unmatched-usage/dismiss", {"reports": [1], "reason": " "}), 400, "invalid-fields")
