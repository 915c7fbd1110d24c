"""
Trace of an event: the meters that counted it, why others did not, its tiers, and the line that billed it or why none
did.
"""

import json
from datetime import timedelta

import pytest

from billing.closing import close_due
from tests.api.calls import Caller, problem
from tests.billing.metering.corrections.correction_setup import replace, void
from tests.billing.metering.ingest.ingest_setup import call, calls, make_metered_subscription, request, send, tokens
from tests.builders import FEB, MAR, make_customer, make_plan, offer, publish, rate, subscribe, tier

pytestmark = pytest.mark.django_db

SOON = timedelta(hours=1)
JANUARY = {"timestamp": "2026-01-10T00:00:00Z"}


@pytest.fixture
def caller():
    return Caller(scopes=["read"])


def traced(caller, id_, **query):
    answer = caller.get("/events/trace", id=id_, **query)
    assert answer.status_code == 200
    return json.loads(answer.content)


def only(caller, id_):
    """Return the single counted part of an event."""
    (meter,) = traced(caller, id_)["meters"]
    (part,) = meter["counted"]
    return part


def test_a_trace_shows_the_quantity_of_each_reading(caller):
    make_metered_subscription()
    send(request("r", 700, 30))
    (meter,) = traced(caller, "r")["meters"]
    assert [(part["rate"], part["quantity"]) for part in meter["counted"]] == [("gpt", "700"), ("gpt output", "30")]
    assert meter["counted"][0]["waits"].startswith("Its period lasts until 2026-04-01 00:00 UTC")


def test_a_trace_gives_the_reason_why_a_meter_did_not_count(caller):
    make_metered_subscription()
    send(request("failed", 1, 1, status="error"), request("bad", "many", 1))
    assert traced(caller, "failed")["meters"][0]["why_not"] == "status is error; it counts cached, ok"
    assert "“prompt_tokens” is missing or not a number" in traced(caller, "bad")["meters"][0]["why_not"]


def test_a_trace_gives_the_reason_why_no_meter_applies(caller):
    make_metered_subscription()
    send(call("lost", customer="nobody"), {"id": "odd", "customer": "acme", "event": "never.heard"})
    assert traced(caller, "lost")["why_not"] == "unknown customer (nobody)"
    assert traced(caller, "odd")["why_not"] == "no meter counts this event name (never.heard)"
    assert traced(caller, "lost")["unmatched"][0]["reason"] == "unknown_customer"


def test_a_trace_shows_the_tier_of_the_units(caller):
    ladder = [tier(2, "0.10"), tier(None, "0.05")]
    version = publish(make_plan(offers=[offer(calls(), included=1, rates=[rate(tiers=ladder)])]))
    subscribe(make_customer("acme"), version)
    send(*(call(f"c{n}", timestamp=f"2026-03-0{1 + n}T00:00:00Z") for n in (3, 0, 2, 1)))
    assert [only(caller, f"c{n}")["tiers"] for n in range(4)] == [
        ["1 included"],
        ["1 in the tier from 0 to 2, at 0.1"],
        ["1 in the tier from 0 to 2, at 0.1"],
        ["1 in the tier from 2 to …, at 0.05"],
    ]
    assert only(caller, "c0")["tiers_are"] == "of the event, in the order of time"


def test_units_of_one_event_may_fall_in_several_tiers(caller):
    ladder = [tier(100, "0.10"), tier(None, "0.05")]
    version = publish(make_plan(offers=[offer(tokens(), included=50, rates=[rate(tiers=ladder)])]))
    subscribe(make_customer("acme"), version)
    send(request("r", 120, 80))
    first, second = traced(caller, "r")["meters"][0]["counted"]
    assert first["tiers"] == ["50 included", "70 in the tier from 0 to 100, at 0.1"]
    assert second["tiers"] == ["30 in the tier from 0 to 100, at 0.1", "50 in the tier from 100 to …, at 0.05"]


def test_where_the_total_decides_the_order_does_not(caller):
    ladder = [tier(2, "0.10"), tier(None, "0.05")]
    version = publish(make_plan(offers=[offer(calls(), rates=[rate(tiers=ladder, model="volume")])]))
    subscribe(make_customer("acme"), version)
    send(*(call(f"c{n}") for n in range(3)))
    assert only(caller, "c0")["tiers"] == ["3 in the tier from 2 to …, at 0.05"]
    assert only(caller, "c0")["tiers_are"] == "of the period's total"


def test_a_trace_names_the_line_that_billed_the_event_and_the_one_that_credited_it(caller):
    make_metered_subscription()
    send(*(call(id_, **JANUARY) for id_ in "abcd"), at=FEB)
    close_due(at=FEB + SOON)
    void("a", at=FEB + 2 * SOON)
    send(*(call(id_, **JANUARY) for id_ in "ef"), at=FEB + 2 * SOON)
    assert "late usage" in only(caller, "e")["waits"]
    close_due(at=MAR + SOON)
    assert [(line["position"], line["is_back"]) for line in only(caller, "a")["lines"]] == [(1, False), (1, True)]
    assert [line["is_back"] for line in only(caller, "e")["lines"]] == [False]
    assert only(caller, "a")["lines"][1]["invoice"] == only(caller, "e")["lines"][0]["invoice"]


def test_a_trace_shows_corrections(caller):
    make_metered_subscription()
    send(call("a"), call("b"))
    replace("a", call("c"))
    void("b")
    assert traced(caller, "a")["correction"]["kind"] == "replace"
    assert traced(caller, "a")["correction"]["by"] == "olga"
    assert traced(caller, "c")["replaces"]["reason"] == "wrong"
    assert only(caller, "b")["waits"] == "It was voided before it was billed."


def test_an_unknown_event_is_not_found(caller):
    problem(caller.get("/events/trace", id="nobody"), 404, "not-found")
    problem(caller.get("/events/trace"), 400, "invalid-fields")
    make_metered_subscription()
    send(call("a"))
    problem(Caller(scopes=["read"], sandbox=True).get("/events/trace", id="a"), 404, "not-found")
