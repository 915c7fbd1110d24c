"""An unreadable body is rejected as a whole, with the cause and the remedy."""

import gzip
import json

import pytest

from billing.metering.ingest.parser import MAX_BYTES, MAX_EVENTS, BodyRefused
from tests.billing.metering.ingest.request_parser import event, parse

WHOLE = json.dumps(event()).encode()

REFUSED = [
    # body status message why
    (b"", 400, "not a JSON event", "nothing"),
    (b" \n ", 400, "not a JSON event", "blank"),
    (b"[]", 400, "The batch is empty", "no event"),
    (b"hello", 400, "not a JSON event", "no JSON"),
    (b'"hello"', 400, "not a JSON event", "text at the top"),
    (b"5", 400, "not a JSON event", "a number at the top"),
    (b"null", 400, "not a JSON event", "null at the top"),
    (WHOLE[:-1], 400, "not a JSON event", "cut off"),
    (b"[" + WHOLE, 400, "not a JSON event", "cut off in a batch"),
    (WHOLE + WHOLE, 400, "not a JSON event", "two events without a list"),
    (b"[" + WHOLE + b",]", 400, "not a JSON event", "a comma too many"),
    (WHOLE[:-1] + b',"properties":{"a":NaN}}', 400, "not a JSON event", "NaN, which JSON has not"),
    (WHOLE[:-1] + b',"properties":{"a":-Infinity}}', 400, "not a JSON event", "infinity, nor this"),
    (WHOLE[:-1] + b',"properties":{"a":"\\ud800}}', 400, "not a JSON event", "half a pair, then cut off"),
    (WHOLE.replace(b'"', b"'"), 400, "not a JSON event", "single quotes"),
    (b"\xef\xbb\xbf" + WHOLE, 400, "UTF-8", "a byte order mark"),
    (json.dumps(event()).encode("utf-16"), 400, "UTF-8", "UTF-16"),
    (gzip.compress(WHOLE), 400, "not a JSON event", "compressed"),
    (b"[" * 100_000, 400, "", "100,000 levels of nothing"),
    (b'{"a":' * 100_000, 400, "", "100,000 levels of objects"),
    (b" " * (MAX_BYTES + 1), 413, "at most 8,388,608", "one byte too many"),
    (b"[" + b"1," * MAX_EVENTS + b"1]", 413, "more than 10,000 events", "one event too many"),
]


@pytest.mark.parametrize(("body", "status", "message", "why"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_an_unreadable_body_is_refused_with_the_reason(body, status, message, why):
    with pytest.raises(BodyRefused) as refused:
        parse(body)

    assert refused.value.status == status
    assert message in refused.value.detail
