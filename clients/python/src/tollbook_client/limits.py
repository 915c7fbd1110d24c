"""Limits of the outbox, and its errors."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tollbook_client.problems import TollbookError

logger = logging.getLogger(__name__)

MAX_BATCH_EVENTS = 10_000


class OutboxFull(TollbookError):
    """The maximum of events is waiting; this event was not recorded."""


class NotSent(TollbookError):
    """Not all events were sent in time. events: the unsent ones in the API's format, to be stored elsewhere."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.events = tuple(events)
        super().__init__(f"The server has not confirmed {len(self.events)} event(s) yet.")


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """
    An event that is not stored, and never will be.

    event: as it was sent. status: `rejected` (a field is invalid) or `conflict` (its id is stored with other
        content).
    """

    event: dict[str, Any]
    status: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """
    The limits of waiting events, in number and time.

    max_events, max_bytes: maximum of events that wait, in number and size. batch_size, interval: a batch is sent when
        it has this many events, or its oldest has waited this many seconds. when_full: whether `record` waits (for
        `full_timeout` seconds; None for any time), or raises `OutboxFull` at once.
    """

    max_events: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    batch_size: int = 500
    interval: float = 1.0
    when_full: Literal["block", "raise"] = "block"
    full_timeout: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= min(self.max_events, MAX_BATCH_EVENTS):
            raise ValueError(
                f"batch_size must be from 1 to {MAX_BATCH_EVENTS:,}, and at most max_events ({self.max_events:,})."
            )


def log_refusal(refusal: RefusedEvent) -> None:
    """Log a refused event, by default."""
    logger.error("Event %s is %s: %s %s", refusal.event.get("id"), refusal.status, refusal.field, refusal.detail)
