"""
Every body sent to POST /api/v1/events gets a defined response: never a 5xx, and with the cause of an error.

An unreadable body stores nothing; a readable one gets a result for each event, and its valid events are stored.
"""

import gzip
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.metering.ingest.parser import MAX_BYTES
from billing.models import Event
from tests.api.calls import Caller, problem

pytestmark = pytest.mark.django_db

GOOD = b'{"id":"good","customer":"acme","event":"api.call"}'


def with_properties(properties: bytes) -> bytes:
    return b'{"id":"bad","customer":"acme","event":"api.call","properties":%b}' % properties


def with_field(field: bytes) -> bytes:
    return b'{"id":"bad","customer":"acme","event":"api.call",%b}' % field


@pytest.fixture
def api():
    return Caller(scopes=["ingest"])


def stored() -> set[str]:
    return set(Event.objects.values_list("sender_id", flat=True))


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"hello",
    "cut off": b"[" + GOOD[:-1],
    "a number": b"5",
    "text": b'"text"',
    "null": b"null",
    "an empty list": b"[]",
    "gzip": gzip.compress(b"[%b]" % GOOD),
    "UTF-16": ("[" + GOOD.decode() + "]").encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[" + GOOD + b"]",
    "NaN": b"[%b,%b]" % (GOOD, with_properties(b'{"a":NaN}')),
    "Infinity": b"[%b,%b]" % (GOOD, with_properties(b'{"a":Infinity}')),
    "a raw NUL": b"[%b,%b]" % (GOOD, with_properties(b'{"a":"\0"}')),
    "a comma too many": b"[%b,]" % GOOD,
    "1,000 levels in one event": b"[%b,%b]" % (GOOD, with_properties(b'{"a":' * 1000 + b"1" + b"}" * 1000)),
    "100,000 levels": b"[" * 100_000,
    "100,000 levels of objects": b'{"a":' * 100_000,
    "two bodies in one": b"[%b][%b]" % (GOOD, GOOD),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_body_stores_nothing(api, body):
    error = problem(api.post("/events", body), 400, "malformed-request")

    assert error["detail"].endswith(".")
    assert stored() == set()


TOO_LARGE = {
    "9 MiB": b"[%b]" % (GOOD + b" " * MAX_BYTES),
    "10,001 events": b"[%b]" % b",".join([GOOD] * 10_001),
}


@pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_body_that_is_too_large_stores_nothing(api, body):
    problem(api.post("/events", body), 413, "body-too-large")

    assert stored() == set()


BAD = {
    # name: (event, invalid field)
    "no object": (b"5", "event"),
    "no customer": (b'{"id":"bad","event":"api.call"}', "customer"),
    "a number for an id": (b'{"id":7,"customer":"acme","event":"api.call"}', "id"),
    "an empty id": (b'{"id":"","customer":"acme","event":"api.call"}', "id"),
    "a field nobody knows": (with_field(b'"amount":5'), "amount"),
    "text for properties": (with_properties(b'"text"'), "properties"),
    "a NUL in a value": (with_properties(rb'{"a":"\u0000"}'), "properties.a"),
    "a NUL in a key": (with_properties(rb'{"\u0000":1}'), "properties"),
    "a NUL in the id": (b'{"id":"a\\u0000","customer":"acme","event":"api.call"}', "event"),
    "half of a pair": (with_properties(rb'{"a":"\ud800"}'), "properties.a"),
    "half of a pair in a key": (with_properties(rb'{"\udc00":1}'), "properties"),
    "not UTF-8": (with_properties(b'{"a":"\xff"}'), "event"),
    "overlong UTF-8": (with_properties(b'{"a":"\xc0\xaf"}'), "event"),
    "300 levels": (with_properties(b'{"a":' * 300 + b"1" + b"}" * 300), "properties.a"),
    "17 levels of lists": (with_properties(b'{"a":' + b"[" * 17 + b"]" * 17 + b"}"), "properties.a"),
    "1e400": (with_properties(b'{"a":1e400}'), "properties.a"),
    "1e999999999": (with_properties(b'{"a":-1e999999999}'), "properties.a"),
    "39 digits": (with_properties(b'{"a":%b}' % (b"9" * 39)), "properties.a"),
    "4,000 digits": (with_properties(b'{"a":[%b]}' % (b"9" * 4000)), "properties.a"),
    "5,000 digits": (with_properties(b'{"a":%b}' % (b"9" * 5000)), "properties"),
    "39 decimal places": (with_properties(b'{"a":0.%b}' % (b"1" * 39)), "properties.a"),
    "1 MB of properties": (with_properties(json.dumps({"a": ["x" * 4096] * 250}).encode()), "properties"),
    "1 MB in one text": (with_properties(b'{"a":"%b"}' % (b"x" * 1_000_000)), "properties.a"),
    "10,000 properties": (with_properties(json.dumps({str(n): n for n in range(10_000)}).encode()), "properties"),
    "a property twice": (with_properties(b'{"tokens":1,"tokens":2}'), "tokens"),
    "two ids": (with_field(b'"id":"other"'), "id"),
    "the year 1": (with_field(b'"timestamp":"0001-01-01T00:00:00Z"'), "timestamp"),
    "before the year 1": (with_field(b'"timestamp":"0001-01-01T00:00:00+14:00"'), "timestamp"),
    "the year 9999": (with_field(b'"timestamp":"9999-12-31T23:59:59Z"'), "timestamp"),
    "after the year 9999": (with_field(b'"timestamp":"9999-12-31T23:59:59-14:00"'), "timestamp"),
    "a time without a zone": (with_field(b'"timestamp":"2026-03-01T00:00:00"'), "timestamp"),
    "a day": (with_field(b'"timestamp":"2026-03-01"'), "timestamp"),
    "a leap second": (with_field(b'"timestamp":"2016-12-31T23:59:60Z"'), "timestamp"),
    "seconds since 1970": (with_field(b'"timestamp":1772000000'), "timestamp"),
    "seconds since 1970, as a float": (with_field(b'"timestamp":1772000000.5'), "timestamp"),
}


@pytest.mark.parametrize(("bad", "field"), BAD.values(), ids=BAD)
def test_an_invalid_event_is_reported_and_the_valid_one_is_stored(api, bad, field):
    response = api.post("/events", b"[%b,%b]" % (bad, GOOD))

    answer = response.json()
    assert response.status_code == 207
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert [(result["index"], result["status"]) for result in answer["results"]] == [(0, "rejected"), (1, "accepted")]
    assert answer["results"][0]["field"] == field
    assert answer["results"][0]["detail"]
    assert stored() == {"good"}


@pytest.mark.parametrize(("bad", "field"), BAD.values(), ids=BAD)
def test_an_atomic_batch_with_a_bad_event_stores_nothing(api, bad, field):
    response = api.post("/events?atomic=true", b"[%b,%b]" % (GOOD, bad))

    errors = problem(response, 400, "invalid-fields")["errors"]
    assert [error["field"] for error in errors] == [f"1.{field}"]
    assert stored() == set()


@pytest.mark.parametrize(("bad", "field"), [row for row in BAD.values() if row[0][:1] == b"{"])
def test_an_invalid_single_event_is_rejected_by_its_field(api, bad, field):
    errors = problem(api.post("/events", bad), 400, "invalid-fields")["errors"]

    assert [error["field"] for error in errors] == [field]
    assert stored() == set()


ODD = {
    "a right-to-left override": {"properties": {"name": "a\u202eb"}},
    "zero-width characters": {"properties": {"name": "a\u200b\ufeffb"}},
    "four-byte characters": {"properties": {"🙂": "🙂"}},
    "text that looks like SQL": {"properties": {"' OR 1=1--": "'; DROP TABLE billing_event; --"}},
    "text that looks like a template": {"properties": {"a": "{{7*7}}{% include 'x' %}<script>"}},
    "a percent sign": {"properties": {"%s": "%(name)s"}},
    "an empty key": {"properties": {"": 1}},
    "38 digits": {"properties": {"a": 10**38 - 1}},
    "a small negative number": {"properties": {"a": -1e-30}},
    "other letters in the id": {"id": "ключ/🔑\n"},
    "no properties": {"properties": {}},
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
def test_odd_but_well_formed_content_is_stored_as_it_is(api, fields):
    sent = {"id": "odd", "customer": "acme", "event": "api.call", **fields}

    assert api.post("/events", sent).status_code == 200

    event = Event.objects.get()
    assert event.sender_id == sent["id"]
    assert event.properties == {
        name: value if not isinstance(value, float) else pytest.approx(value)
        for name, value in sent.get("properties", {}).items()
    }


def test_twin_ids_in_two_normal_forms_are_two_events(api):
    ids = ["caf\u00e9", "cafe\u0301"]

    response = api.post("/events", [{"id": id_, "customer": "acme", "event": "api.call"} for id_ in ids])

    assert response.json()["accepted"] == 2
    assert stored() == set(ids)


def test_timestamps_are_accepted_from_thirteen_months_ago_to_an_hour_ahead(api):
    offsets = {
        "oldest": timedelta(days=-395),
        "too old": timedelta(days=-397),
        "newest": timedelta(minutes=59),
        "too new": timedelta(minutes=61),
    }
    now = timezone.now()

    api.post(
        "/events",
        [
            {"id": id_, "customer": "acme", "event": "api.call", "timestamp": (now + offset).isoformat()}
            for id_, offset in offsets.items()
        ],
    )

    assert stored() == {"oldest", "newest"}
