"""
The outbox: recorded events are queued at once, and sent in batches in the background until the server has them.

An event leaves the queue when the server has answered: it is stored, was stored before, or is refused for good, which
calls `on_refused`. After any other failure it is sent again under the same id, so it counts once.
"""

import atexit
import json
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.util import Finalize
from typing import Any

from tollbook_client.connection import Connection, Retries, is_retryable
from tollbook_client.limits import NotSent, OutboxFull, OutboxLimits, RefusedEvent
from tollbook_client.problems import InvalidFields, Problem, Unprocessable, Unreachable

logger = logging.getLogger(__name__)

MAX_BATCH_BYTES = 4 * 1024 * 1024
EXIT_TIMEOUT = 10.0

_ONCE = Retries(patience=0)


class Outbox:
    """A bounded queue with a thread that empties it, started with the first event. Any thread may use it."""

    def __init__(
        self,
        connection: Connection,
        *,
        limits: OutboxLimits,
        on_refused: Callable[[RefusedEvent], None],
        retries: Retries,
    ) -> None:
        self._connection, self._limits, self._on_refused, self._retries = connection, limits, on_refused, retries
        self._begin()
        _OUTBOXES.add(self)

    def _begin(self) -> None:
        """Start empty: in a forked process, the waiting events are the parent's to send."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._in_flight: list[bytes] = []
        self._bytes = self._queued_count = self._settled_count = 0
        self._flush_count = 0  # number of threads in flush()
        self._closed_until: float | None = None
        self._thread: threading.Thread | None = None

    def put(self, event: bytes) -> None:
        """
        Queue an event.

        :raises OutboxFull: if there is no room, and none became free in time.
        :raises RuntimeError: if the outbox is closed.
        """
        with self._changed:
            if not self._has_room(event):
                self._await_room(event)
            if self._closed_until is not None:
                raise RuntimeError("The client is closed; record events before closing it.")
            self._waiting.append((event, time.monotonic()))
            self._bytes += len(event)
            self._queued_count += 1
            if self._thread is None:
                self._start()
            if len(self._waiting) in (1, self._limits.batch_size):
                self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> None:
        """
        Wait until the server has answered for all events queued before.

        :raises NotSent: if that took longer; the events that it holds are still being sent.
        """
        with self._changed:
            target_count = self._queued_count
            self._flush_count += 1
            self._changed.notify_all()
            in_time = self._changed.wait_for(lambda: self._settled_count >= target_count, timeout)
            self._flush_count -= 1
            if not in_time:
                raise NotSent(self._unsettled())

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """
        Send the waiting events, and accept no more.

        :raises NotSent: if some could not be sent in time; they are not tried again.
        """
        with self._changed:
            if self._closed_until is None:
                self._closed_until = time.monotonic() + timeout
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout + self._connection.timeout)
        with self._changed:
            unsettled, self._waiting, self._in_flight = self._unsettled(), deque(), []
        if unsettled:
            raise NotSent(unsettled)

    def _has_room(self, event: bytes) -> bool:
        waiting = self._queued_count - self._settled_count
        return waiting < self._limits.max_events and (
            not waiting or self._bytes + len(event) <= self._limits.max_bytes
        )

    def _await_room(self, event: bytes) -> None:
        # A callback that records an event runs in the thread that makes room, so it must not wait for room.
        waits = self._limits.when_full == "block" and threading.current_thread() is not self._thread
        if not waits or not self._changed.wait_for(
            lambda: self._has_room(event) or self._closed_until is not None, self._limits.full_timeout
        ):
            raise OutboxFull(
                f"The queue is full: {self._queued_count - self._settled_count:,} events are waiting to be sent."
            )

    def _unsettled(self) -> list[dict[str, Any]]:
        return [json.loads(event_bytes) for event_bytes in (*self._in_flight, *(event for event, _ in self._waiting))]

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="tollbook-outbox", daemon=True)
        self._thread.start()
        # Once per process: multiprocessing's children exit without running atexit handlers, but run finalizers.
        reference = weakref.ref(self)
        atexit.register(_close_at_exit, reference)
        Finalize(None, _close_at_exit, args=(reference,), exitpriority=100)

    def _work(self) -> None:
        while batch := self._next_batch():
            self._deliver(batch)

    def _next_batch(self) -> list[bytes]:
        """
        Wait for the next events to become due, and return them; none when the outbox is closed and empty, or the time
        is up.
        """
        with self._changed:
            while not self._is_due():
                if self._closed_until is not None:
                    return []
                self._changed.wait(self._due_in())
            batch: list[bytes] = []
            size = 0
            while self._waiting and len(batch) < self._limits.batch_size:
                size += len(self._waiting[0][0]) + 1
                if batch and size > MAX_BATCH_BYTES:
                    break
                batch.append(self._waiting.popleft()[0])
            self._in_flight = batch
            return batch

    def _is_due(self) -> bool:
        if not self._waiting or self._is_over():
            return False
        sends_now = self._flush_count or self._closed_until is not None
        return bool(sends_now) or len(self._waiting) >= self._limits.batch_size or (self._due_in() or 0) <= 0

    def _due_in(self) -> float | None:
        return None if not self._waiting else self._waiting[0][1] + self._limits.interval - time.monotonic()

    def _is_over(self) -> bool:
        return self._closed_until is not None and time.monotonic() >= self._closed_until

    def _deliver(self, batch: list[bytes]) -> None:
        """Send a batch until the server answers; a batch that is refused as a whole is sent in halves."""
        tries = 0
        while True:
            try:
                refusals = self._send(batch)
            except (Problem, Unreachable) as error:
                if isinstance(error, InvalidFields | Unprocessable) and len(batch) > 1:
                    self._deliver(batch[: len(batch) // 2])
                    return self._deliver(batch[len(batch) // 2 :])
                if isinstance(error, InvalidFields | Unprocessable):
                    return self._settle(batch, [RefusedEvent(json.loads(batch[0]), "rejected", "", str(error))])
                tries += 1
                if self._pause(tries, error):
                    return None
            else:
                return self._settle(batch, refusals)

    def _send(self, batch: list[bytes]) -> list[RefusedEvent]:
        response = self._connection.json("POST", "/events", content=b"[" + b",".join(batch) + b"]", retries=_ONCE)
        return [
            RefusedEvent(
                json.loads(batch[result["index"]]),
                result["status"],
                str(result.get("field", "")),
                str(result.get("detail", "")),
            )
            for result in response["results"]
            if result["status"] in ("rejected", "conflict")
        ]

    def _pause(self, tries: int, error: Problem | Unreachable) -> bool:
        """Wait until the next try; return whether there is none, because the time is up."""
        # Events are also kept while a key is revoked: the process may get another key.
        wait = self._retries.wait(
            tries if is_retryable(error) else 30, retry_after=getattr(error, "retry_after", None)
        )
        level = logging.WARNING if is_retryable(error) else logging.ERROR
        logger.log(level, "Usage is kept and will be sent again in %.1f s: %s", wait, error)
        until = time.monotonic() + wait
        with self._changed:
            while (remaining := until - time.monotonic()) > 0 and self._closed_until is None:
                self._changed.wait(remaining)
            if self._closed_until is not None and time.monotonic() < self._closed_until:
                self._changed.wait(max(0.0, min(until, self._closed_until) - time.monotonic()))
            return self._is_over()

    def _settle(self, batch: list[bytes], refusals: Sequence[RefusedEvent]) -> None:
        for refusal in refusals:
            try:
                self._on_refused(refusal)
            except Exception:
                logger.exception("The callback failed for a refused event: %s", refusal)
        with self._changed:
            self._in_flight = self._in_flight[len(batch) :]
            self._bytes -= sum(map(len, batch))
            self._settled_count += len(batch)
            self._changed.notify_all()


_OUTBOXES: weakref.WeakSet[Outbox] = weakref.WeakSet()


def _close_at_exit(reference: "weakref.ref[Outbox]") -> None:
    outbox = reference()
    try:
        if outbox is not None:
            outbox.close()
    except NotSent as error:
        logger.critical("%s They are lost unless you read this log: %s", error, json.dumps(error.events))


def _reset_after_fork() -> None:
    for outbox in list(_OUTBOXES):
        outbox._begin()


os.register_at_fork(after_in_child=_reset_after_fork)
