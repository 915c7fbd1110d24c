"""The key says which event it is, the digest what it says: equal content has one digest, however it is written."""

from datetime import timedelta

import pytest

from billing.metering.ingest.parser import parse_events
from tests.billing.metering.ingest.request_parser import NEWEST, NOW, OLDEST, event, one

SAME = [
    # one body another why
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
    found = [one(body) for body in bodies]

    assert found[0].key == found[1].key
    assert found[0].digest == found[1].digest, why


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
    first, second = one(event(**sent)), one(event(**{**sent, **fields}))

    assert first.key == second.key
    assert first.digest != second.digest, why


def test_an_event_without_a_time_of_its_own_has_one_digest_whenever_it_arrives():
    body = b'{"id":"e1","customer":"acme","event":"api.call"}'
    arrivals = [NOW, NOW + timedelta(seconds=1)]
    first, again = [parse_events(body, sandbox=False, at=at, oldest=OLDEST, newest=NEWEST)[0][0] for at in arrivals]

    assert [first.occurred_at, again.occurred_at] == arrivals
    assert (first.key, first.digest) == (again.key, again.digest)


def test_live_and_sandbox_events_of_one_id_are_two():
    assert one(event()).key != one(event(), sandbox=True).key


def test_the_source_is_part_of_a_cloud_events_key():
    sent = {"specversion": "1.0", "id": "e1", "type": "api.call", "subject": "acme"}

    keys = {one({**sent, "source": source}).key for source in ("a", "b", "a")} | {one(event()).key}

    assert len(keys) == 3


def test_id_and_source_cannot_trade_characters():
    sent = {"specversion": "1.0", "type": "api.call", "subject": "acme"}

    assert one({**sent, "id": "bc", "source": "a"}).key != one({**sent, "id": "c", "source": "ab"}).key
