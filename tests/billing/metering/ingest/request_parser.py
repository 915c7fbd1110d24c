"""Parse a body as the API does, at a fixed time."""

import json
from datetime import UTC, datetime
from typing import Any

from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, EventError, ReceivedEvent, parse_events

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OLDEST = NOW - MAX_AGE
NEWEST = NOW + MAX_AHEAD


def event(**fields: Any) -> dict[str, Any]:
    """Return a valid event, with these fields instead."""
    return {"id": "e1", "customer": "acme", "event": "api.call", **fields}


def parse(
    body: bytes | object, *, sandbox: bool = False, at: datetime = NOW
) -> tuple[list[ReceivedEvent], list[EventError], bool]:
    """Return the events, errors and single flag of a body; anything but bytes is encoded first."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_events(sent, sandbox=sandbox, at=at, oldest=at - MAX_AGE, newest=at + MAX_AHEAD)


def parse_one(body: bytes | object, *, sandbox: bool = False) -> ReceivedEvent:
    """Return the only event of a body without errors."""
    events, refused, _ = parse(body, sandbox=sandbox)
    assert refused == []
    assert len(events) == 1
    return events[0]
