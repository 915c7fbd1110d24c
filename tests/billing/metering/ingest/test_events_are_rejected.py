"""An invalid event is rejected by its index, field and reason, and does not affect the other events."""

import json

import pytest

from billing.metering.ingest.parser import MAX_PROPERTY_BYTES
from tests.billing.metering.ingest.request_parser import event, parse


def raw(**fields: bytes) -> bytes:
    """Return an event in which these fields have this literal JSON."""
    encoded = {name: json.dumps(value).encode() for name, value in event().items()}
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), text) for name, text in {**encoded, **fields}.items())


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in event().items() if key != name}).encode()


LONG = b'"' + b"x" * 201 + b'"'

REFUSED = [
    # event field message why
    (b"5", "event", "Expected `object`", "a number"),
    (b'"text"', "event", "Expected `object`", "a text"),
    (b"null", "event", "Expected `object`", "null"),
    (b"[]", "event", "Expected `object`", "a list in the list"),
    (without("id"), "id", "`id`", "no id"),
    (without("customer"), "customer", "`customer`", "no customer"),
    (without("event"), "event", "`event`", "no event name"),
    (raw(id=b'""'), "id", "length >= 1", "an empty id"),
    (raw(id=LONG), "id", "length <= 200", "an id too long"),
    (raw(id=b"5"), "id", "Expected `str`", "a number for an id"),
    (raw(id=b"null"), "id", "Expected `str`", "null for an id"),
    (raw(customer=LONG), "customer", "length <= 200", "a customer too long"),
    (raw(event=LONG), "event", "length <= 200", "an event name too long"),
    (raw(subscription=LONG), "subscription", "length <= 200", "a subscription too long"),
    (raw(color=b"1"), "color", "`color`", "a field nobody knows"),
    (raw(timestamp=b'"yesterday"'), "timestamp", "RFC3339", "no time"),
    (raw(timestamp=b"1772000000"), "timestamp", "Expected `datetime", "seconds since 1970"),
    (raw(timestamp=b"1772000000.5"), "timestamp", "Expected `datetime", "and a half"),
    (raw(timestamp=b'"2026-03-01T00:00:00"'), "timestamp", "timezone", "a time nowhere"),
    (raw(timestamp=b'"2026-03-01"'), "timestamp", "RFC3339", "a day"),
    (raw(timestamp=b'"2026-02-29T00:00:00Z"'), "timestamp", "RFC3339", "a day that is none"),
    (raw(timestamp=b'"2026-03-01T24:00:00Z"'), "timestamp", "RFC3339", "the 25th hour"),
    (raw(timestamp=b'"0000-01-01T00:00:00Z"'), "timestamp", "RFC3339", "the year 0"),
    (raw(timestamp=b'"0001-01-01T00:00:00Z"'), "timestamp", "out of range", "the year 1"),
    (raw(timestamp=b'"0001-01-01T00:00:00+14:00"'), "timestamp", "", "before the year 1 in UTC"),
    (raw(timestamp=b'"9999-12-31T23:59:59-14:00"'), "timestamp", "", "after the year 9999 in UTC"),
    (raw(timestamp=b'"2025-02-07T11:59:59Z"'), "timestamp", "out of range", "a second too old"),
    (raw(timestamp=b'"2026-03-10T13:00:00.000001Z"'), "timestamp", "out of range", "a microsecond too new"),
    (raw(properties=b"5"), "properties", "Expected `object`", "a number for properties"),
    (raw(properties=b"[]"), "properties", "Expected `object`", "a list for properties"),
    (raw(properties=b"null"), "properties", "Expected `object`", "null for properties"),
    (raw(properties=b'{"a":1e400}'), "properties.a", "at most 38 digits", "beyond a double"),
    (raw(properties=b'{"a":1e999999999}'), "properties.a", "at most 38 digits", "beyond everything"),
    (raw(properties=b'{"a":' + b"9" * 39 + b"}"), "properties.a", "more than 38 digits", "39 digits"),
    (raw(properties=b'{"a":' + b"9" * 4000 + b"}"), "properties.a", "more than 38 digits", "4,000 digits"),
    (raw(properties=b'{"a":' + b"9" * 5000 + b"}"), "properties", "at most 38", "more digits than Python reads"),
    (raw(properties=b'{"a":0.' + b"1" * 39 + b"}"), "properties.a", "at most 38 digits", "39 decimal places"),
    (raw(properties=b'{"a":"\\u0000"}'), "properties.a", "U+0000", "NUL in a value"),
    (raw(properties=b'{"a\\u0000":1}'), "properties", "U+0000", "NUL in a key"),
    (raw(id=b'"a\\u0000"'), "event", "U+0000", "NUL in the id"),
    (raw(customer=b'"a\\u0000"'), "event", "U+0000", "NUL in the customer"),
    (raw(properties=b'{"a":"\\ud800"}'), "properties.a", "surrogate", "half a pair in a value"),
    (raw(properties=b'{"a":["\\uDBFFx"]}'), "properties.a", "surrogate", "the first half, then text"),
    (raw(properties=b'{"a":"\\udc00\\ud800"}'), "properties.a", "surrogate", "two halves the wrong way round"),
    (raw(properties=b'{"\\udfff":1}'), "properties", "surrogate", "half a pair in a key"),
    (raw(id=b'"\\ud800"'), "event", "surrogate", "half a pair in the id"),
    (raw(properties=b'{"a":"\xff"}'), "event", "utf-8", "a byte that is no UTF-8"),
    (raw(properties=b'{"a":"\xc0\x80"}'), "event", "utf-8", "an overlong NUL"),
    (raw(properties=b'{"a":"\xed\xa0\x80"}'), "event", "utf-8", "half a pair in UTF-8"),
    (raw(properties=b'{"a":1,"a":2}'), "a", "twice", "a property sent twice"),
    (raw(properties=b'{"a":{"b":1,"b":1}}'), "b", "twice", "deep inside"),
    (raw()[:-1] + b',"id":"e2"}', "id", "twice", "two ids"),
    (raw(properties=b'{"a":' * 17 + b"1" + b"}" * 17), "properties.a", "at most 16 levels", "17 levels"),
    (raw(properties=b'{"a":' * 900 + b"1" + b"}" * 900), "properties.a", "at most 16 levels", "900 levels"),
    (
        raw(properties=b'{"a":["' + b"x" * MAX_PROPERTY_BYTES + b'"]}'),
        "properties.a",
        "at most 4,096",
        "64 KiB in one text",
    ),
    (
        raw(properties=json.dumps({str(n): "x" * 4096 for n in range(16)}).encode()),
        "properties",
        "at most 65,536",
        "64 KiB in all",
    ),
    (
        b'{"specversion":"2.0","id":"e1","source":"s","type":"t","subject":"acme"}',
        "specversion",
        "",
        "a version to come",
    ),
    (b'{"specversion":"1.0","id":"e1","type":"t","subject":"acme"}', "source", "`source`", "no source"),
]


@pytest.mark.parametrize(("bad", "field", "message", "why"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_an_invalid_event_is_rejected_and_the_others_are_accepted(bad, field, message, why):
    before, after = (json.dumps(event(id=id_)).encode() for id_ in ("before", "after"))

    events, refused, _ = parse(b"[%b,%b,%b]" % (before, bad, after))

    assert [event.id for event in events] == ["before", "after"]
    assert [event_error.index for event_error in refused] == [1]
    assert refused[0].field == field
    assert message in refused[0].detail


# Without a list around it, anything other than an object is an unreadable body, not an event.
ALONE = [row for row in REFUSED if row[0].startswith(b"{")]


@pytest.mark.parametrize(("bad", "field", "message", "why"), ALONE, ids=[row[-1] for row in ALONE])
def test_an_invalid_single_event_is_rejected_likewise(bad, field, message, why):
    events, refused, single = parse(bad)

    assert single
    assert events == []
    assert [event_error.field for event_error in refused] == [field]
    assert message in refused[0].detail
