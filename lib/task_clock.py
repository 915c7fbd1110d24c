"""Scheduled tasks, and the clock that all workers share."""

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from celery import shared_task
from django.db import connection

from lib.queue import Deadline

BULK_SECONDS = 45
"""How long a run starts new work; other tasks get their turn before the next run continues."""


def database_time() -> datetime:
    """
    Return the database's current time.

    Tasks and commands read it and pass it on as `at`, so workers on several hosts agree on due work even if a host's
    own clock is wrong.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def due_task(name: str, run: Callable[..., Any], *, seconds: float | None = None) -> Any:
    """
    Return a scheduled task that does what is due at the database's time, and returns its counts.

    run: reads its due work from tables, so a lost run is harmless and a repeat safe. seconds: how long a run starts
        new work; None if `run` takes no deadline.
    """

    @shared_task(name=name)
    def task() -> Any:
        limits = {} if seconds is None else {"deadline": Deadline(seconds)}
        counts = run(at=database_time(), **limits)
        return asdict(counts) if is_dataclass(counts) and not isinstance(counts, type) else counts

    return task
