"""Requests that keep coming: rows of the trace once more, now, so that the open month fills while one watches."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from demo.event_sender import Sender
from demo.trace import events

MOST_AT_ONCE = 12
PAUSE_SECONDS = 1.0


def keep_posting(sender: Sender, *, at: datetime, stopped: Callable[[], bool]) -> int:
    """
    Post a few requests each second until `stopped`, and return how many were posted.

    at: the demo's today, which says who makes requests; theirs are stamped with the time they are posted.
    """
    coming = _coming(at)
    posted = 0
    while not stopped():
        batch = list(islice(coming, random.randint(1, MOST_AT_ONCE)))  # noqa: S311 - how busy it looks, not a secret
        sender.send(batch)
        posted += len(batch)
        time.sleep(PAUSE_SECONDS)
    return posted


def _coming(at: datetime) -> Iterator[dict[str, Any]]:
    """Return the demo's requests in turn, for ever, each as a new one."""
    started = int(time.time())
    number = 0
    while True:
        for event in events(at):
            number += 1
            now = datetime.now(UTC)
            yield {**event, "id": f"traffic-{started}-{number}", "timestamp": now.isoformat(timespec="seconds")}
