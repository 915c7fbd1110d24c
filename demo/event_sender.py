"""A sender of events to the HTTP API: in batches over one connection, each batch until the API responds."""

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
    """The API rejected a request, or did not respond after several tries; earlier batches are stored."""


@dataclass(slots=True)
class SendCounts:
    """The API's results by number of events. `reasons`: the first few refusals."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, result_document: dict[str, Any]) -> None:
        self.accepted += result_document["accepted"]
        self.duplicate += result_document["duplicate"]
        self.conflict += result_document["conflict"]
        self.rejected += result_document["rejected"]
        if result_document["conflict"] or result_document["rejected"]:
            refused = [
                outcome for outcome in result_document["results"] if outcome["status"] in ("conflict", "rejected")
            ]
            room = max(0, 5 - len(self.reasons))
            self.reasons += [
                f"{outcome['id']}: {outcome.get('detail', outcome['status'])}" for outcome in refused[:room]
            ]

    @property
    def total(self) -> int:
        return self.accepted + self.duplicate + self.conflict + self.rejected


class Sender:
    """A connection to the API at `url` (http only: the demo's server is local), with an API key."""

    def __init__(self, url: str, secret: str) -> None:
        address = urlsplit(url)
        self.connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """
        Post one batch and return the API's response.

        A batch without a response is sent again: events that were stored by then are reported as duplicates.

        :raises SendingFailed: if the request is rejected, or no try gets a response.
        """
        body = json.dumps(events, separators=(",", ":")).encode()
        wait = FIRST_WAIT_SECONDS
        for remaining_tries in reversed(range(TRIES)):
            try:
                self.connection.request("POST", "/api/v1/events", body, self.headers)
                response = self.connection.getresponse()
                text = response.read()
            except (OSError, HTTPException) as error:
                self.connection.close()
                problem = f"no answer ({error})"
            else:
                if response.status in (200, 207):
                    return dict(json.loads(text))
                problem = f"{response.status} {text[:500].decode(errors='replace')}"
                if response.status != TOO_MANY and response.status < SERVER_ERROR:
                    break
            if remaining_tries:
                time.sleep(wait)
                wait *= 2
        raise SendingFailed(f"The API did not take a batch of {len(events)} events: {problem}")

    def send_all(self, events: Iterable[dict[str, Any]], *, sizes: Iterable[int]) -> Iterator[SendCounts]:
        """Post events in batches of these sizes, and yield the counts so far after each."""
        counts = SendCounts()
        for batch in batches(list(events), sizes):
            counts.add(self.send(batch))
            yield counts


def batches(events: Sequence[Any], sizes: Iterable[int]) -> Iterator[Sequence[Any]]:
    """Yield the events in slices of these sizes."""
    start = 0
    for size in sizes:
        if start >= len(events):
            return
        yield events[start : start + size]
        start += size
