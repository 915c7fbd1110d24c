"""The key identifies an event, the digest its content: equal content has parse_one digest, in any spelling."""

from datetime import timedelta

import pytest

from billing.metering.ingest.parser import parse_events
from tests.billing.metering.ingest.request_parser import NEWEST, NOW, OLDEST, event, parse_one

SAME = [
    # first body, second body, why
    (b'"properties":{"a":1}', b'"properties":{"a":1.0}', "1.0 is 1"),
    (b'"properties":{"a":1}', b'"properties":{"a":1e0}', "1e0 is 1"),
    (b'"properties":{"a":0}', b'"properties":{"a":-0.0}', "there is one zero"),
    (b'"properties":{"a":0.10}', b'"properties":{"a":0.1}', "trailing zeros"),
    (b'"properties":{"a":1,"b":2}', b'"properties":{"b":2,"a":1}', "keys have no order"),
    (b'"properties":{"a":{"x":1,"y":2}}', b'"properties":{"a":{"y":2,"x":1}}', "at no depth"),
    (b'"properties":{"a":"\\u00fc"}', '"properties":{"a":"ü"}'.encode(), "an escape is its character"),
    (b'"properties":{}', b'"subscription":""', "empty is absent"),
    (b'"timestamp":null', b'"subscription":""', "null is absent"),
    (b'"timestamp":"2026-03-01T00:00:00Z"', b'"timestamp":"2026-03-01T01:00:00+01:00"', "one instant, two offsets"),
    (
        b'"timestamp":"2026-03-01T00:00:00Z"',
        b'"timestamp":"2026-03-01T00:00:00.000000Z"',
        "no fraction is a fraction of zero",
    ),
]


@pytest.mark.parametrize(("first", "second", "why"), SAME)
def test_the_same_content_has_the_same_digest(first, second, why):
    bodies = [b'{"id":"e1","customer":"acme","event":"api.call",%b}' % part for part in (first, second)]
    events = [parse_one(body) for body in bodies]

    assert events[0].key == events[1].key
    assert events[0].digest == events[1].digest, why


OTHER = [
    # fields of the second event                           why
    ({"customer": "other"},                                "another customer"),
    ({"event": "api.other"},                               "another event"),
    ({"subscription": "s1"},                               "another subscription"),
    ({"timestamp": "2026-03-01T00:00:01Z"},                "another time"),
    ({"timestamp": None},                                  "no time of its own"),
    ({"properties": {"a": 2}},                             "another value"),
    ({"properties": {"b": 1}},                             "another name"),
    ({"properties": {"a": "1"}},                           "text is not a number"),
    ({"properties": {"a": True}},                          "true is not one"),
    ({"properties": {"a": [1]}},                           "a list is not its element"),
    ({"properties": {}},                                   "nothing is not something"),
    ({"properties": {"a": None}},                          "null is not one"),
    ({"properties": {"a": 1, "b": None}},                  "a null property is there"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "why"), OTHER)
def test_other_content_has_another_digest_under_the_same_key(fields, why):
    sent = {"timestamp": "2026-03-01T00:00:00Z", "properties": {"a": 1}}
    first, second = parse_one(event(**sent)), parse_one(event(**{**sent, **fields}))

    assert first.key == second.key
    assert first.digest != second.digest, why


def test_an_event_without_a_timestamp_has_one_digest_at_any_arrival():
    body = b'{"id":"e1","customer":"acme","event":"api.call"}'
    arrivals = [NOW, NOW + timedelta(seconds=1)]
    first, later = [parse_events(body, sandbox=False, at=at, oldest=OLDEST, newest=NEWEST)[0][0] for at in arrivals]

    assert [first.occurred_at, later.occurred_at] == arrivals
    assert (first.key, first.digest) == (later.key, later.digest)


def test_live_and_sandbox_events_of_one_id_are_two():
    assert parse_one(event()).key != parse_one(event(), sandbox=True).key


def test_the_source_is_part_of_a_cloud_events_key():
    sent = {"specversion": "1.0", "id": "e1", "type": "api.call", "subject": "acme"}

    keys = {parse_one({**sent, "source": source}).key for source in ("a", "b", "a")} | {parse_one(event()).key}

    assert len(keys) == 3


def test_id_and_source_are_separated_in_the_key():
    sent = {"specversion": "1.0", "type": "api.call", "subject": "acme"}

    assert parse_one({**sent, "id": "bc", "source": "a"}).key != parse_one({**sent, "id": "c", "source": "ab"}).key
