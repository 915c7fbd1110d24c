"""
Decode the body of an ingest request and report each invalid event.

Pure: bytes in, events and errors out. The whole batch is decoded at once. Only if that fails is each event decoded by
itself, so that an invalid event costs the others nothing but time.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from billing.metering.ingest.property_limits import MAX_LEVELS, find_flaw
from plans.aggregation.json_numbers import MAX_DIGITS, parse_number

# A batch is one transaction: its size bounds the memory of a request and the time its counters stay locked.
MAX_EVENTS = 10_000
MAX_BYTES = 8 * 1024 * 1024
MAX_PROPERTY_BYTES = 64 * 1024

MAX_AGE = timedelta(days=396)
"""
Events older than about thirteen months are refused: their keys may be deleted already, so they could count twice.
"""

# Tolerates a sender's clock that is fast, but not a wrong time zone or unit.
MAX_AHEAD = timedelta(hours=1)

MAX_NAME = 200

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]


class PlainEvent(msgspec.Struct, forbid_unknown_fields=True):
    """An event as documented. timestamp: when it happened; the time of arrival if absent."""

    id: Name
    customer: Name
    event: Name
    timestamp: Timestamp | None = None
    properties: dict[str, Any] = {}
    subscription: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""


class CloudEvent(msgspec.Struct):
    """The JSON form of CloudEvents 1.0. Extension attributes are allowed and ignored."""

    specversion: Annotated[str, msgspec.Meta(pattern="^1\\.")]
    id: Name
    source: Name
    type: Name
    subject: Name
    time: Timestamp | None = None
    data: dict[str, Any] = {}
    subscription: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""


class BodyRefused(Exception):
    """
    The body can't be read as a whole; nothing of the request is stored. `status` is the HTTP status of the response.
    """

    def __init__(self, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


@dataclass(frozen=True, slots=True)
class EventError:
    """An event that can't be stored: its index in the body, the field, the reason and the remedy."""

    index: int
    field: str
    detail: str
    id: str = ""


class ReceivedEvent(msgspec.Struct, gc=False):
    """
    One event that can be stored.

    key: digest of (live or sandbox, source, id), which makes the event count once; 32 hexadecimal digits.
    digest: of the content as sent, which distinguishes a repeat from a conflict; 32 hexadecimal digits.
    encoded: the properties as JSON.
    """

    index: int
    key: str
    digest: str
    id: str
    source: str
    customer: str
    name: str
    occurred_at: datetime
    properties: dict[str, Any]
    encoded: bytes
    subscription: str


_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode
_decode_batch = msgspec.json.Decoder(list[PlainEvent], float_hook=parse_number).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_plain = msgspec.json.Decoder(PlainEvent, float_hook=parse_number).decode
_decode_cloud = msgspec.json.Decoder(CloudEvent, float_hook=parse_number).decode
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_FIELD = re.compile("field `([^`]+)`")
INVALID_CHARACTER = "text must not contain U+0000 or half of a surrogate pair"


def parse_events(
    body: bytes, *, sandbox: bool, at: datetime, oldest: datetime, newest: datetime
) -> tuple[list[ReceivedEvent], list[EventError], bool]:
    """
    Return the valid events of a body, an error for each invalid one, and whether the body was a single event.

    oldest, newest: bounds of an event's timestamp, inclusive.

    :raises BodyRefused: if the body is too large or not JSON, or holds no event or too many.
    """
    if len(body) > MAX_BYTES:
        raise BodyRefused(f"The body has {len(body):,} bytes; send at most {MAX_BYTES:,} at a time.", status=413)
    single = body.lstrip()[:1] == b"{"
    events, errors = _decode(body, single=single)
    if len(events) + len(errors) > MAX_EVENTS:
        raise BodyRefused(
            f"The batch has more than {MAX_EVENTS:,} events; send several smaller requests.", status=413
        )
    if not events and not errors:
        raise BodyRefused("The batch is empty; send at least one event.")
    # Searched once per body: most bodies have none, and skip the check of every text.
    has_nul = b"\\u0000" in body or _SURROGATE.search(body) is not None
    received = []
    for index, event in events:
        parsed = _finish_event(index, event, sandbox=sandbox, at=at, oldest=oldest, newest=newest, has_nul=has_nul)
        if isinstance(parsed, EventError):
            errors.append(parsed)
        else:
            received.append(parsed)
    errors.sort(key=lambda error: error.index)
    return received, errors, single


SentEvent = PlainEvent | CloudEvent


def _decode(body: bytes, *, single: bool) -> tuple[Sequence[tuple[int, SentEvent]], list[EventError]]:
    if not single:
        try:
            batch = _decode_batch(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            pass
        else:
            # Fewer keys decoded than sent means that an object repeats a key, which the decoder silently drops.
            if body.count(b'":') == _count_keys(batch, body):
                return list(enumerate(batch)), []
    return _decode_one_by_one(body, single=single)


def _count_keys(batch: Sequence[PlainEvent], body: bytes) -> int:
    """Return the number of keys that the events of a body must have been sent with if none was repeated."""
    count = objects = 0
    for event in batch:
        count += 3 + (event.timestamp is not None) + (event.subscription != "")
        if event.properties:
            objects += 1
            count += 1 + len(event.properties)
    if body.count(b"{") > len(batch) + objects or body.count(b"[") > 1:
        count += sum(_count_nested_keys(value, level=2) for event in batch for value in event.properties.values())
    return count


def _count_nested_keys(value: Any, *, level: int) -> int:
    if not isinstance(value, dict | list):
        return 0
    if level > MAX_LEVELS:
        return MAX_BYTES  # More than any body holds: sends the batch the careful way, where this is refused.
    own_keys, inner_values = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    return own_keys + sum(_count_nested_keys(inner, level=level + 1) for inner in inner_values)


def _decode_one_by_one(body: bytes, *, single: bool) -> tuple[list[tuple[int, SentEvent]], list[EventError]]:
    try:
        raws = _decode_list(b"[%b]" % body if single else body)
    except RecursionError as error:
        raise BodyRefused("The body is nested too deeply; properties may be nested 16 levels deep.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        repaired = replace_lone_surrogates(body)
        if repaired != body:
            return _decode_one_by_one(repaired, single=single)
        raise BodyRefused(f"The body is not a JSON event or array of events: {error}. Send UTF-8 JSON.") from error
    events: list[tuple[int, SentEvent]] = []
    errors: list[EventError] = []
    for index, raw in enumerate(raws):
        decoded = _decode_one(index, bytes(raw))
        if isinstance(decoded, EventError):
            errors.append(decoded)
        else:
            events.append((index, decoded))
    return events, errors


def replace_lone_surrogates(body: bytes) -> bytes:
    """
    Replace each unpaired half of a surrogate pair by U+0000, for which its event is refused.

    A sender that counts UTF-16 units may split an emoji in two; this mistake must not fail the rest of the batch.
    """
    return _ESCAPE.sub(lambda match: b"\\u0000" if match[1] else match[0], body)


def parse_event(
    index: int, raw: bytes, *, sandbox: bool, at: datetime, oldest: datetime, newest: datetime
) -> ReceivedEvent | EventError:
    """Parse a single event as `parse_events` does; an event without a timestamp is refused."""
    event = _decode_one(index, raw)
    if isinstance(event, EventError):
        return event
    if (event.time if isinstance(event, CloudEvent) else event.timestamp) is None:
        return EventError(
            index, "timestamp", "send the time of the usage; a replacement is never dated by its arrival"
        )
    has_nul = b"\\u0000" in raw or _SURROGATE.search(raw) is not None
    return _finish_event(index, event, sandbox=sandbox, at=at, oldest=oldest, newest=newest, has_nul=has_nul)


def _decode_one(index: int, raw: bytes) -> SentEvent | EventError:
    try:
        event = _decode_cloud(raw) if b'"specversion"' in raw else _decode_plain(raw)
        repeated_key = find_repeated_key(raw)
    except RecursionError:
        return EventError(index, "properties", f"nested too deeply; at most {MAX_LEVELS} levels")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return describe_decode_error(index, str(error))
    if repeated_key is not None:
        return EventError(index, repeated_key, "this key appears twice; send it once", event.id)
    return event


def describe_decode_error(index: int, error: str, *, default_field: str = "event") -> EventError:
    """Return the error for JSON of the wrong form, in the decoder's own words."""
    reason, _, path = error.partition(" - at `$")
    field_match = _FIELD.search(reason)
    field = path.rstrip("`").lstrip(".") or (field_match[1] if field_match else default_field)
    if "out of range" in reason:
        return EventError(index, "properties", f"a number has too many digits; at most {MAX_DIGITS} are stored")
    return EventError(index, field, reason)


def find_repeated_key(raw: bytes) -> str | None:
    """
    Return a key that appears twice in one object. JSON leaves open which of the two counts, so billing must not
    guess.
    """

    class RepeatedKey(Exception):
        pass

    def check(pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for name, _ in pairs:
            if name in seen:
                raise RepeatedKey(name)
            seen.add(name)

    try:
        json.loads(raw, object_pairs_hook=check, parse_int=str, parse_float=str)
    except RepeatedKey as error:
        return str(error)
    return None


def _finish_event(
    index: int,
    event: SentEvent,
    *,
    sandbox: bool,
    at: datetime,
    oldest: datetime,
    newest: datetime,
    has_nul: bool,
) -> ReceivedEvent | EventError:
    """Check the limits of one event, and compute its key and digest."""
    if isinstance(event, CloudEvent):
        source, customer, name = event.source, event.subject, event.type
        sent_at, properties, subscription = event.time, event.data, event.subscription
    else:
        source, customer, name = "", event.customer, event.event
        sent_at, properties, subscription = event.timestamp, event.properties, event.subscription
    if sent_at is not None:
        # Compared before the conversion, which overflows for a year 1 with an offset.
        if not oldest <= sent_at <= newest:
            return EventError(index, "timestamp", describe_bounds(sent_at, oldest, newest), event.id)
        sent_at = sent_at.astimezone(UTC)
    flaw = find_flaw(properties, has_nul=has_nul)
    if flaw is not None:
        return EventError(index, flaw[0], flaw[1], event.id)
    if has_nul and any("\0" in text for text in (event.id, source, customer, name, subscription)):
        return EventError(index, "event", INVALID_CHARACTER, event.id)
    encoded = encode_properties(properties)
    if len(encoded) > MAX_PROPERTY_BYTES:
        return EventError(index, "properties", f"{len(encoded):,} bytes; at most {MAX_PROPERTY_BYTES:,}", event.id)
    content = (source, event.id, customer, name, sent_at, subscription)
    return ReceivedEvent(
        index=index,
        key=event_key(event.id, source=source, sandbox=sandbox),
        digest=content_digest(content, encoded),
        id=event.id,
        source=source,
        customer=customer,
        name=name,
        occurred_at=sent_at or at,
        properties=properties,
        encoded=encoded,
        subscription=subscription,
    )


def describe_bounds(sent_at: datetime, oldest: datetime, newest: datetime) -> str:
    """Return the error text for a time that is too old or too far ahead."""
    bounds = f"{oldest.isoformat(timespec='seconds')} to {newest.isoformat(timespec='seconds')}"
    return f"{sent_at.isoformat()} is out of range; accepted are {bounds}"


def event_key(sender_id: str, *, source: str, sandbox: bool) -> str:
    """Return the key, 32 hexadecimal digits, that makes an event count once."""
    text = f"{'sandbox' if sandbox else 'live'}\0{source}\0{sender_id}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def content_digest(content: tuple[str, str, str, str, datetime | None, str], encoded: bytes) -> str:
    """
    Return the digest, 32 hexadecimal digits, that distinguishes a repeat from a conflict.

    content: source, id, customer, event, timestamp as sent (in UTC, None if absent) and subscription.
    encoded: the properties, as returned by `encode_properties`.
    """
    return blake2b(_canonical(content) + encoded, digest_size=16).hexdigest()


def encode_properties(properties: dict[str, Any]) -> bytes:
    """Return properties as canonical JSON: equal properties give equal bytes."""
    return _canonical(properties)


decode_properties = msgspec.json.Decoder(dict[str, Any], float_hook=parse_number).decode
"""Decode stored properties as they were received, with exact numbers in canonical form."""
