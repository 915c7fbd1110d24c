"""Usage: sent now, or recorded and sent in the background."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tollbook_client import serialization
from tollbook_client.connection import Connection, Retries
from tollbook_client.deserialization import read
from tollbook_client.limits import OutboxLimits, RefusedEvent
from tollbook_client.outbox import EXIT_TIMEOUT, MAX_BATCH_BYTES, Outbox


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something that was used.

    id: its key; the same id counts once, for good. timestamp: when it happened. Of a live customer that is when this
    object was made, by default; of a sandbox one, whose time may be another, it is left to the server. So the same
    object, sent again, is the same event.
    """

    customer: str
    event: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid4().hex)
    timestamp: datetime | None = None
    subscription: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event: accepted, duplicate, conflict or rejected; of the last, which field was wrong."""

    index: int
    id: str
    status: str
    field: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of several, in their order."""

    accepted: int
    duplicate: int
    conflict: int
    rejected: int
    results: tuple[EventResult, ...]


class Events:
    """Usage that is sent to Tollbook."""

    def __init__(
        self,
        connection: Connection,
        *,
        limits: OutboxLimits,
        on_refused: Callable[[RefusedEvent], None],
        retries: Retries,
    ) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, limits=limits, on_refused=on_refused, retries=retries)

    def record(
        self,
        customer: str,
        event: str,
        properties: Mapping[str, Any] | None = None,
        *,
        id: str | None = None,
        timestamp: datetime | None = None,
        subscription: str | None = None,
    ) -> str:
        """
        Take an event, to be sent in the background, and return its id.

        :raises Full: if too many wait, and the client was told to raise, or waited long enough.
        :raises TypeError, ValueError: if a property cannot be sent, or the event is too large.
        """
        one = Event(customer, event, properties or {}, id or uuid4().hex, timestamp, subscription)
        content = serialization.to_json(self._to_document(one))
        if len(content) > MAX_BATCH_BYTES:
            raise ValueError(f"Event {one.id} has {len(content):,} bytes; {MAX_BATCH_BYTES:,} at most are sent.")
        self._outbox.put(content)
        return one.id

    def send(self, *events: Event, atomic: bool = False, check: bool = False) -> BatchResult:
        """
        Send events now, and return what became of each: those that are refused are in the results.

        atomic: all or none. check: all if every limit lets them through, and none otherwise.

        :raises LimitReached: with `check`, if a limit stands against it.
        :raises Problem: with `atomic` or `check`, if one is refused.
        """
        query = {name: True for name, asked in (("atomic", atomic), ("check", check)) if asked}
        body = [self._to_document(one) for one in events]
        return read(BatchResult, self._connection.json("POST", "/events", query=query, body=body))

    def flush(self, timeout: float | None = None) -> None:
        """:raises NotSent: if what was recorded is not all answered for after `timeout` seconds."""
        self._outbox.flush(timeout)

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """:raises NotSent: if what was recorded could not all be sent; it holds what is left."""
        self._outbox.close(timeout)

    def _to_document(self, event: Event) -> dict[str, Any]:
        at = event.timestamp
        if at is None and not self._connection.key.startswith("tb_test_"):
            at = event.created_at
        told = {"id": event.id, "customer": event.customer, "event": event.event, "properties": event.properties}
        extra = {"timestamp": at and serialization.format_time(at), "subscription": event.subscription}
        return told | {name: value for name, value in extra.items() if value is not None}
