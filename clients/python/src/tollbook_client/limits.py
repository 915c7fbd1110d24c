"""How much usage may wait to be sent, and what is told of that which cannot be."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tollbook_client.problems import TollbookError

logger = logging.getLogger(__name__)

MAX_BATCH_EVENTS = 10_000


class OutboxFull(TollbookError):
    """As many events wait as may; this one was not taken."""


class NotSent(TollbookError):
    """Time was up before all events were answered for. events: those, as they would be sent, to be kept elsewhere."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.events = tuple(events)
        super().__init__(f"{len(self.events)} event(s) are not answered for by the server yet.")


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """
    An event that is not stored, and will not be however often it is sent.

    event: as it was sent. status: `rejected` (a field is wrong) or `conflict` (its id came with other content).
    """

    event: dict[str, Any]
    status: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """
    How much waits, and how long.

    most: events that wait at once; most_bytes: what they take. at_once, every: a batch is sent when it has so many
    events, or its oldest has waited for so many seconds. when_full: whether whoever records waits (for `full_timeout`
    seconds; None for as long as it takes), or gets `Full` at once.
    """

    max_events: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    batch_size: int = 500
    interval: float = 1.0
    when_full: Literal["block", "raise"] = "block"
    full_timeout: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= min(self.max_events, MAX_BATCH_EVENTS):
            raise ValueError(f"at_once is 1 to {MAX_BATCH_EVENTS:,}, and no more than {self.max_events:,} that wait.")


def log_refusal(refusal: RefusedEvent) -> None:
    """Write down that an event was refused: what happens where nobody else wants to know."""
    logger.error("Event %s is %s: %s %s", refusal.event.get("id"), refusal.status, refusal.field, refusal.detail)
