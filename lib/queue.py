"""
The table is the queue: due work is a row, which one worker at a time claims, and which says whether it is done.

Work that calls something outside the database leases its row: it commits how often the row was tried, and until when
it is one worker's, before it begins. If that worker dies, the row is due again when the lease ends. Work that is one
transaction needs no lease: it locks the row (`lock_free_row`), and the lock of a killed worker is gone at once.

Which queue works in which way, and why: docs/decisions/0046-one-table-queue.md.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from math import inf
from time import monotonic
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import Q, QuerySet

from lib.error_text import storable_error_text

Row = TypeVar("Row", bound=models.Model)


class Deadline:
    """How long a run starts new work; rows that are left stay due for the next run."""

    def __init__(self, seconds: float) -> None:
        self._started_at, self._seconds = monotonic(), seconds

    @property
    def elapsed(self) -> timedelta:
        """The time since the run started."""
        return timedelta(seconds=monotonic() - self._started_at)

    def has_time(self) -> bool:
        return monotonic() - self._started_at < self._seconds

    def limit(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield the rows as long as there is time."""
        return takewhile(lambda _: self.has_time(), rows)


NO_DEADLINE = Deadline(inf)


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    The delays after the first, second … failed attempt.

    is_endless: whether the last delay repeats; otherwise a row is parked when the delays are used up.
    jitter: the largest share by which a delay is extended at random, so that rows that failed together spread out.
    """

    delays: Sequence[timedelta]
    is_endless: bool = False
    jitter: float = 0.0

    @property
    def max_attempts(self) -> float:
        return inf if self.is_endless else len(self.delays) + 1

    def next_at(self, attempt: int, at: datetime, *, not_before: datetime | None = None) -> datetime | None:
        """Return when to retry after the `attempt`th attempt failed, or None after the last one."""
        if attempt >= self.max_attempts:
            return None
        delay = self.delays[min(max(attempt, 1), len(self.delays)) - 1]
        retry_at = at + delay * (1 + self.jitter * random.random())  # noqa: S311, not a secret
        return retry_at if not_before is None else max(retry_at, not_before)


def doubling(first: timedelta, longest: timedelta, *, count: int) -> tuple[timedelta, ...]:
    """Return `count` delays, each twice as long as the one before, up to the longest."""
    return tuple(min(first * 2**number, longest) for number in range(count))


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one row. key: see `Queue.key`. attempt: counted from 1."""

    key: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """
    A table whose rows are leased.

    unfinished: the rows that are not done. lease: how long a claimed row is one worker's; longer than its work takes.
    due_column: when the row is due; while it is leased, the end of the lease; null once it is done or parked.
    attempts_column: the number of attempts begun. reason_column: why the last one failed.
    lease_column: the end of the lease, where rows may also be claimed before they are due. key: what names a row.
    claimed: further columns to set when a row is claimed at a time.
    is_durable: whether claims refuse to run in a transaction, whose rollback would lose the record of an attempt.
    """

    model: type[models.Model]
    unfinished: Q
    lease: timedelta
    backoff: Backoff
    due_column: str = "next_at"
    attempts_column: str = "attempts"
    reason_column: str = "error"
    lease_column: str = ""
    key: str = "pk"
    claimed: Callable[[datetime], dict[str, Any]] = lambda at: {}
    is_durable: bool = False

    @property
    def rows(self) -> QuerySet[Any]:
        """The rows that are not done."""
        return self.model._default_manager.filter(self.unfinished)

    def claim(self, key: int, *, at: datetime, insists: bool = False) -> Lease | None:
        """
        Lease one row; None if it is done, not due, parked, or another worker's.

        insists: lease it even if it is not due or is parked, but never from another worker.
        """
        row = self.rows.filter(**{self.key: key})
        is_free = Q(**{f"{self.lease_column}__isnull": True}) | Q(**{f"{self.lease_column}__lte": at})
        return self._lease(row.filter(is_free) if insists else row.filter(self._is_due(at)), at)

    def claims(
        self, *, at: datetime, among: Q | None = None, deadline: Deadline = NO_DEADLINE, limit: int = 100
    ) -> Iterator[Lease]:
        """
        Lease the due rows one after the other, the longest due first, and skip those that others hold.

        limit: of rows per run, so that a lease that begins at `at` outlasts the run; the rest stays due.
        """
        self.park_exhausted(at=at)
        due = self.rows.filter(among or Q(), self._is_due(at)).order_by(self.due_column, "pk")
        # A run without work opens no transaction of its own, so it may be part of another one.
        for _ in deadline.limit(range(limit)) if due.exists() else ():
            # SKIP LOCKED: workers that look at the same moment lease different rows.
            lease = self._lease(due, at, skip_locked=True)
            if lease is None:
                return
            yield lease

    def held(self, lease: Lease) -> QuerySet[Any]:
        """
        Return the row of a lease; none if it is done, or leased again since.

        The attempt is the fencing token: a worker that lost its lease can't overwrite a later attempt.
        """
        return self.rows.filter(**{self.key: lease.key, self.attempts_column: lease.attempt})

    def postpone(
        self, lease: Lease, *, reason: str, at: datetime, not_before: datetime | None = None, **columns: Any
    ) -> bool:
        """Record a failed attempt and when to retry it, or park the row; return False if the lease is lost."""
        longest: int | None = getattr(self.model._meta.get_field(self.reason_column), "max_length", None)
        retry_at = self.backoff.next_at(lease.attempt, at, not_before=not_before)
        columns |= {self.reason_column: storable_error_text(reason)[:longest], **self.due_at(retry_at)}
        return bool(self.held(lease).update(**columns))

    def due_at(self, at: datetime | None) -> dict[str, datetime | None]:
        """Return the columns of a row that no worker holds, due at a time; None if it is done or parked."""
        return {self.due_column: at, **({self.lease_column: None} if self.lease_column else {})}

    def park_exhausted(self, *, at: datetime) -> int:
        """Park the rows whose worker died in the last attempt; return how many."""
        if self.backoff.is_endless:
            return 0
        exhausted = self.rows.filter(
            **{f"{self.due_column}__lte": at, f"{self.attempts_column}__gte": self.backoff.max_attempts}
        )
        return exhausted.update(**self.due_at(None))

    def revive_parked(self, *, at: datetime) -> int:
        """Make all parked rows due, with all their attempts, once the cause is mended; return how many."""
        # An endless queue parks nothing: its rows that are never due are done by hand.
        if self.backoff.is_endless:
            return 0
        parked = self.rows.filter(**{f"{self.due_column}__isnull": True})
        return parked.update(**self.due_at(at), **{self.attempts_column: 0})

    def _is_due(self, at: datetime) -> Q:
        is_due = Q(**{f"{self.due_column}__lte": at})
        return (
            is_due
            if self.backoff.is_endless
            else is_due & Q(**{f"{self.attempts_column}__lt": self.backoff.max_attempts})
        )

    def _lease(self, rows: QuerySet[Any], at: datetime, *, skip_locked: bool = False) -> Lease | None:
        with transaction.atomic(durable=self.is_durable):
            lockable = rows.only("pk", self.key, self.attempts_column)
            row = lockable.select_for_update(no_key=True, skip_locked=skip_locked, of=("self",)).first()
            if row is None:
                return None
            attempt, until = getattr(row, self.attempts_column) + 1, at + self.lease
            columns = {**self.claimed(at), self.due_column: until, self.attempts_column: attempt}
            if self.lease_column:
                columns[self.lease_column] = until
            self.model._default_manager.filter(pk=row.pk).update(**columns)
        return Lease(getattr(row, self.key), attempt)


def lock_free_rows(rows: QuerySet[Row], *, limit: int, no_key: bool = True) -> list[Row]:
    """
    Lock and return the first of these rows that no other transaction holds.

    no_key: whether others may still refer to the rows; False also skips rows that others hold by FOR KEY SHARE.

    SKIP LOCKED: workers never wait for one another or for a person's change; rows that are held stay due.
    """
    return list(rows.select_for_update(no_key=no_key, skip_locked=True, of=("self",))[:limit])


def lock_free_row(rows: QuerySet[Row], *, no_key: bool = True) -> Row | None:
    """Lock and return the first of these rows, or None if there is none or another transaction holds it."""
    return next(iter(lock_free_rows(rows, limit=1, no_key=no_key)), None)


def repeat_while_full(run_batch: Callable[[], int], *, size: int) -> int:
    """Run batches, each a transaction of its own, until one is not full; return the number of rows in all."""
    total = 0
    while True:
        count = run_batch()
        total += count
        if count < size:
            return total
