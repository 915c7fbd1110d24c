"""A body becomes events: parse_one or many, plain or CloudEvents, each with its index, time and properties."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.billing.metering.ingest.request_parser import NOW, event, parse, parse_one


def test_a_single_event_is_read_with_its_arrival_as_its_time():
    parsed = parse_one(event(properties={"tokens": 5}))

    assert (parsed.id, parsed.customer, parsed.name, parsed.source) == ("e1", "acme", "api.call", "")
    assert parsed.occurred_at == NOW
    assert parsed.properties == {"tokens": 5}


def test_a_single_event_differs_from_a_batch_of_one():
    assert parse(event())[2] is True
    assert parse([event()])[2] is False


def test_whitespace_around_the_body_is_ignored():
    assert parse_one(b' \n\t{"id":"e1","customer":"acme","event":"api.call"}\r\n').id == "e1"


def test_a_batch_keeps_the_order_of_its_events():
    events, refused, _ = parse([event(id=f"e{n}") for n in range(5)])

    assert [(event.index, event.id) for event in events] == [(n, f"e{n}") for n in range(5)]
    assert refused == []


TIMES = [
    # sent is why
    ("2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC), "UTC by its letter"),
    ("2026-03-01T01:00:00+01:00", datetime(2026, 3, 1, tzinfo=UTC), "the same instant, elsewhere"),
    ("2026-02-28T18:15:00-05:45", datetime(2026, 3, 1, tzinfo=UTC), "an offset of :45"),
    ("2026-03-01T00:00:00.000001Z", datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC), "to the microsecond"),
    ("2026-03-01 00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC), "a space for the T (RFC 3339)"),
    (None, NOW, "null is absent"),
]


@pytest.mark.parametrize(("sent", "expected", "why"), TIMES)
def test_a_timestamp_is_an_instant(sent, expected, why):
    assert parse_one(event(timestamp=sent)).occurred_at == expected, why


def test_numbers_in_properties_arrive_exactly():
    body = b'{"id":"e1","customer":"acme","event":"api.call","properties":{"a":0.1,"b":1e2,"c":[3.50]}}'

    assert parse_one(body).properties == {"a": Decimal("0.1"), "b": 100, "c": [Decimal("3.5")]}


def test_a_cloud_event_is_read_by_its_own_names():
    parsed = parse_one(
        {
            "specversion": "1.0",
            "id": "c1",
            "source": "/router",
            "type": "llm.request",
            "subject": "acme",
            "time": "2026-03-01T00:00:00Z",
            "data": {"tokens": 5},
            "traceparent": "an extension attribute, which is allowed",
        }
    )

    assert (parsed.id, parsed.source, parsed.name, parsed.customer) == ("c1", "/router", "llm.request", "acme")
    assert parsed.occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert parsed.properties == {"tokens": 5}


def test_plain_and_cloud_events_may_share_a_batch():
    cloud = {"specversion": "1.0", "id": "e1", "source": "s", "type": "api.call", "subject": "acme"}

    events, refused, _ = parse([event(), cloud])

    assert refused == []
    assert [event.source for event in events] == ["", "s"]


def test_text_is_stored_unchanged():
    sent = {"name": "Zoë 🙂 \u202e e\u0301", "quote": '"\\/'}

    assert parse_one(event(properties=sent)).properties == sent


@pytest.mark.parametrize("sent", [rb"\ud83d\ude42", rb"\\ud800", rb"\\\ud83d\ude42", rb"\uD83D\uDE42"])
def test_surrogate_pairs_and_escaped_backslashes_are_valid_text(sent):
    body = b'[{"id":"a","customer":"acme","event":"e","properties":{"a":"%b"}},' % sent
    body += rb'{"id":"b","customer":"acme","event":"e","properties":{"a":"\ud800"}}]'

    events, refused, _ = parse(body)

    assert events[0].properties == json.loads(b'{"a":"%b"}' % sent)
    assert [event_error.id for event_error in refused] == ["b"]
