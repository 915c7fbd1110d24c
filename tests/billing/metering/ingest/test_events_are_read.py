"""A body becomes events: one or many, plain or CloudEvents, each with its place, time and properties."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.billing.metering.ingest.request_parser import NOW, event, one, received


def test_a_single_event_is_read_with_its_arrival_as_its_time():
    found = one(event(properties={"tokens": 5}))

    assert (found.id, found.customer, found.name, found.source) == ("e1", "acme", "api.call", "")
    assert found.occurred_at == NOW
    assert found.properties == {"tokens": 5}


def test_a_single_event_is_told_from_a_batch_of_one():
    assert received(event())[2] is True
    assert received([event()])[2] is False


def test_white_space_around_the_body_does_not_matter():
    assert one(b' \n\t{"id":"e1","customer":"acme","event":"api.call"}\r\n').id == "e1"


def test_a_batch_keeps_the_order_of_its_events():
    events, refused, _ = received([event(id=f"e{n}") for n in range(5)])

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
    assert one(event(timestamp=sent)).occurred_at == expected, why


def test_numbers_in_properties_arrive_exactly():
    body = b'{"id":"e1","customer":"acme","event":"api.call","properties":{"a":0.1,"b":1e2,"c":[3.50]}}'

    assert one(body).properties == {"a": Decimal("0.1"), "b": 100, "c": [Decimal("3.5")]}


def test_a_cloud_event_is_read_by_its_own_names():
    found = one(
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

    assert (found.id, found.source, found.name, found.customer) == ("c1", "/router", "llm.request", "acme")
    assert found.occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert found.properties == {"tokens": 5}


def test_plain_and_cloud_events_may_share_a_batch():
    cloud = {"specversion": "1.0", "id": "e1", "source": "s", "type": "api.call", "subject": "acme"}

    events, refused, _ = received([event(), cloud])

    assert refused == []
    assert [event.source for event in events] == ["", "s"]


def test_text_is_kept_as_it_was_sent():
    sent = {"name": "Zoë 🙂 \u202e e\u0301", "quote": '"\\/'}

    assert one(event(properties=sent)).properties == sent


@pytest.mark.parametrize("sent", [rb"\ud83d\ude42", rb"\\ud800", rb"\\\ud83d\ude42", rb"\uD83D\uDE42"])
def test_whole_pairs_and_escaped_backslashes_are_text_like_any_other(sent):
    body = b'[{"id":"a","customer":"acme","event":"e","properties":{"a":"%b"}},' % sent
    body += rb'{"id":"b","customer":"acme","event":"e","properties":{"a":"\ud800"}}]'

    events, refused, _ = received(body)

    assert events[0].properties == json.loads(b'{"a":"%b"}' % sent)
    assert [one.id for one in refused] == ["b"]
