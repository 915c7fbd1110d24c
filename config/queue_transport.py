"""Celery's transport over the queue in PostgreSQL, which issues no DDL: the owner creates the queues beforehand."""

from typing import Any

from kombu.transport import pgmq


class QueueMissing(Exception):
    """A process declared a queue that the owner has not created."""


class Channel(pgmq.Channel):
    """A channel that finds its queues instead of creating them, which needs rights that no process has."""

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        if not self._has_queue(queue):  # type: ignore[no-untyped-call]
            raise QueueMissing(
                f"The queue {queue} does not exist. manage.py migrate creates those of config/broker.py; a worker"
                " needs no other with --without-gossip --without-mingle --without-heartbeat."
            )
        self._maybe_enable_notify(queue)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Bind nothing: a message goes directly to its queue."""

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        """Listen for new messages; the owner has created the trigger that sends the notifications."""
        if self.use_notify:
            self.connection._register_notify_queue(queue_name or self._queue_name(queue))  # type: ignore[attr-defined]

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        """Keep the queue, which is the owner's."""


class Transport(pgmq.Transport):
    """Kombu's transport with our channel."""

    Channel = Channel
