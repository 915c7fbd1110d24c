"""Post events to the HTTP API as a sender would: in batches, over one connection, each batch until it is answered."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import urlsplit

BATCH = 1_000
TRIES = 8
FIRST_WAIT_SECONDS = 0.2
TIMEOUT_SECONDS = 60
TOO_MANY = 429
SERVER_ERROR = 500


class SendingFailed(Exception):
    """The API refused a request, or did not answer after several tries; what was answered before is committed."""


@dataclass(slots=True)
class SendCounts:
    """How the API answered, by event. `reasons`: the first few refusals."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        self.accepted += answer["accepted"]
        self.duplicate += answer["duplicate"]
        self.conflict += answer["conflict"]
        self.rejected += answer["rejected"]
        if answer["conflict"] or answer["rejected"]:
            refused = [one for one in answer["results"] if one["status"] in ("conflict", "rejected")]
            room = max(0, 5 - len(self.reasons))
            self.reasons += [f"{one['id']}: {one.get('detail', one['status'])}" for one in refused[:room]]

    @property
    def total(self) -> int:
        return self.accepted + self.duplicate + self.conflict + self.rejected


class Sender:
    """A connection to the API at `url` (http only: the demo's server is on this machine), by an API key."""

    def __init__(self, url: str, secret: str) -> None:
        place = urlsplit(url)
        self.connection = HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_SECONDS)
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """
        Post one batch and return the API's answer.

        A batch that got no answer is sent again: events that were stored after all are answered as duplicates.

        :raises SendingFailed: if the request is refused, or nobody answers.
        """
        body = json.dumps(events, separators=(",", ":")).encode()
        wait = FIRST_WAIT_SECONDS
        for left in reversed(range(TRIES)):
            try:
                self.connection.request("POST", "/api/v1/events", body, self.headers)
                answer = self.connection.getresponse()
                text = answer.read()
            except (OSError, HTTPException) as error:
                self.connection.close()
                problem = f"no answer ({error})"
            else:
                if answer.status in (200, 207):
                    return dict(json.loads(text))
                problem = f"{answer.status} {text[:500].decode(errors='replace')}"
                if answer.status != TOO_MANY and answer.status < SERVER_ERROR:
                    break
            if left:
                time.sleep(wait)
                wait *= 2
        raise SendingFailed(f"The API did not take a batch of {len(events)} events: {problem}")

    def send_all(self, events: Iterable[dict[str, Any]], *, sizes: Iterable[int]) -> Iterator[SendCounts]:
        """Post events in batches of these sizes, and yield the tally so far after each."""
        tally = SendCounts()
        for batch in batches(list(events), sizes):
            tally.add(self.send(batch))
            yield tally


def batches(events: Sequence[Any], sizes: Iterable[int]) -> Iterator[Sequence[Any]]:
    """Return the events in slices of these sizes."""
    start = 0
    for size in sizes:
        if start >= len(events):
            return
        yield events[start : start + size]
        start += size
