"""Usage events: sent at once, or recorded and sent in the background."""

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
    One use of a feature.

    id: the same id counts once, for ever. timestamp: when it happened; by default, the creation time of this object
        for a live customer, and the server's choice for a sandbox one, which may have a test clock. So the same
        object sent again is the same event.
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
    """The result for one event: accepted, duplicate, conflict or rejected; field and detail explain a rejection."""

    index: int
    id: str
    status: str
    field: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The results for several events, in their order."""

    accepted: int
    duplicate: int
    conflict: int
    rejected: int
    results: tuple[EventResult, ...]


class Events:
    """Usage events for Tollbook."""

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
        Queue an event to be sent in the background, and return its id.

        :raises OutboxFull: if too many events wait, and the client is set to raise, or has waited long enough.
        :raises TypeError, ValueError: if a property cannot be sent, or the event is too large.
        """
        recorded = Event(customer, event, properties or {}, id or uuid4().hex, timestamp, subscription)
        content = serialization.to_json(self._to_document(recorded))
        if len(content) > MAX_BATCH_BYTES:
            raise ValueError(
                f"Event {recorded.id} has {len(content):,} bytes; at most {MAX_BATCH_BYTES:,} can be sent."
            )
        self._outbox.put(content)
        return recorded.id

    def send(self, *events: Event, atomic: bool = False, check: bool = False) -> BatchResult:
        """
        Send events now, and return the result of each; refused ones are in the results.

        atomic: store all or none. check: store all if every limit permits them, and none otherwise.

        :raises LimitReached: with `check`, if a limit does not permit them.
        :raises Problem: with `atomic` or `check`, if one event is refused.
        """
        query = {name: True for name, is_set in (("atomic", atomic), ("check", check)) if is_set}
        body = [self._to_document(event) for event in events]
        return read(BatchResult, self._connection.json("POST", "/events", query=query, body=body))

    def flush(self, timeout: float | None = None) -> None:
        """
        Wait until the server has answered for all recorded events.

        :raises NotSent: if that takes longer than `timeout` seconds.
        """
        self._outbox.flush(timeout)

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """
        Send the recorded events, and accept no more.

        :raises NotSent: if some could not be sent; the error holds them.
        """
        self._outbox.close(timeout)

    def _to_document(self, event: Event) -> dict[str, Any]:
        at = event.timestamp
        if at is None and not self._connection.key.startswith("tb_test_"):
            at = event.created_at
        document = {"id": event.id, "customer": event.customer, "event": event.event, "properties": event.properties}
        extra = {"timestamp": at and serialization.format_time(at), "subscription": event.subscription}
        return document | {name: value for name, value in extra.items() if value is not None}
