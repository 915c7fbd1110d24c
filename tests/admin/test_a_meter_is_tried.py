"""
A meter is tried on a pasted event before it counts any: the page explains how it reads the event and stores nothing.
"""

import json

import pytest
from django.test import Client

from billing.models import Event
from plans.models import Meter
from tests.admin.test_catalog_forms import METER
from tests.builders import make_meter, make_plan, offer, publish, rate

TYPED = METER | {
    "event_name": "llm.request",
    "aggregation": "sum",
    "expression": "input + 4 * output",
    "unit": "token",
    "filters": '{"status": ["ok", "cached"]}',
    "excludes": '[{"tier": ["internal"]}]',
    "dimensions": "model",
}


def try_meter(client, event, *, meter="", **typed):
    event = event if isinstance(event, str) else json.dumps(event)
    answer = client.post(f"/admin/plans/meter/{meter}try/", {**typed, "tried_event": event})
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


EVENTS = [
    # pasted, messages
    ({"status": "ok", "input": 1200, "output": 25, "model": "gpt"}, ["Counted as 1,300 tokens", "model: gpt"]),
    ({"properties": {"status": "ok", "input": "1", "output": 0.5}}, ["Counted as 3 tokens", "model: not set"]),
    ({"event": "other", "properties": {}}, ["Not counted", "“other” is not “llm.request”"]),
    ({"status": "failed", "input": 1, "output": 1}, ["Not counted", "and not “cached” or “ok”"]),
    ({"input": 1, "output": 1}, ["status is missing"]),
    ({"status": "ok", "tier": "internal", "input": 1, "output": 1}, ["excluded because tier is “internal”"]),
    ({"status": "ok", "input": 1}, ["“output” is missing: reported as unmatched usage"]),
    ({"specversion": "1.0", "data": {"status": "ok", "input": 1, "output": 1}}, ["Counted as 5 tokens"]),
    ('[{"input": 1}]', ["Paste one event"]),
    ("{input: 1}", ["is not a JSON event"]),
    ({"id": 7, "properties": {}}, ["id: Expected `str`, got `int`"]),
    ("", ["Paste an event to see"]),
]


@pytest.mark.parametrize(("event", "messages"), EVENTS)
def test_an_unsaved_meter_explains_how_it_counts_an_event(member, event, messages):
    text = try_meter(member("engineer"), event, **TYPED)
    assert [part for part in messages if part not in text] == []
    assert not Meter.objects.exists()
    assert not Event.objects.exists()


TYPOS = [
    ({"expression": "input +"}, "The expression is incomplete"),
    ({"filters": "[1]"}, "Enter an object"),
    ({"expression": ""}, "Enter the metered property"),
]


@pytest.mark.parametrize(("typed", "messages"), TYPOS)
def test_an_invalid_meter_shows_the_error_instead(member, typed, messages):
    assert messages in try_meter(member("engineer"), {"input": 1}, **TYPED | typed)


def test_a_locked_meter_is_tried_as_it_is_stored(member, db):
    meter = make_meter("seats", aggregation="unique", value_property="user", operation_property="op")
    publish(make_plan(offers=[offer("seats", rates=[rate("1")])]))
    client = member("support")
    assert "Counted as ada comes" in try_meter(client, {"user": "ada"}, meter=f"{meter.pk}/")
    assert "Counted as ada goes" in try_meter(client, {"user": "ada", "op": "remove"}, meter=f"{meter.pk}/")
    assert "“user” is missing" in try_meter(client, {"op": "remove"}, meter=f"{meter.pk}/")


def test_readings_are_tried_before_they_are_saved(member, db):
    rows = {"readings-TOTAL_FORMS": "2", "readings-INITIAL_FORMS": "0", "expression": "", "reading_dimension": "type"}
    for place, (value, name) in enumerate((("input", "prompt"), ("output", "completion"))):
        rows |= {f"readings-{place}-dimension_value": value, f"readings-{place}-value_property": name}
    event = {"status": "ok", "prompt": 3, "completion": 1}
    assert "Counted as input: 3 tokens, output: 1 token" in try_meter(member("engineer"), event, **TYPED | rows)


def test_an_anonymous_visitor_can_not_try_a_meter(db):
    assert Client().post("/admin/plans/meter/try/", TYPED).status_code == 302
