"""Live traffic: rows of the trace posted again with the current time, so that the open month visibly fills."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from demo.event_sender import Sender
from demo.trace import events

MAX_AT_ONCE = 12
PAUSE_SECONDS = 1.0


def keep_posting(sender: Sender, *, at: datetime, stopped: Callable[[], bool]) -> int:
    """
    Post a few requests each second until `stopped`, and return how many were posted.

    at: the demo's today, which determines the customers; the events have the time at which they are posted.
    """
    upcoming = _endless_events(at)
    posted = 0
    while not stopped():
        batch = list(islice(upcoming, random.randint(1, MAX_AT_ONCE)))  # noqa: S311 - not a secret
        sender.send(batch)
        posted += len(batch)
        time.sleep(PAUSE_SECONDS)
    return posted


def _endless_events(at: datetime) -> Iterator[dict[str, Any]]:
    """Yield the demo's requests repeatedly without end, each with a new id."""
    started = int(time.time())
    number = 0
    while True:
        for event in events(at):
            number += 1
            now = datetime.now(UTC)
            yield {**event, "id": f"traffic-{started}-{number}", "timestamp": now.isoformat(timespec="seconds")}
