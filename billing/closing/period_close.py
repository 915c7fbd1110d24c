"""
Close periods: docs/closing.md.

Any number of workers may run this at once and be killed at any point: a chunk is one transaction, and periods that
were not committed stay due.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain

import psycopg
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from billing.closing.batch import ClosedChunk, close_locked, describe_error
from billing.closing.close_result import CloseFailure, CloseSummary, PeriodNotOver
from billing.closing.consolidation.consolidated_invoices import MAX_WAIT
from billing.closing.consolidation.locks import read_companion_ids
from billing.closing.period_locks import (
    QueuePosition,
    lock_due_periods,
    lock_ended_periods,
    lock_periods,
    read_due_period_ids,
    read_late_period_ids,
)
from billing.models import Period
from billing.models.periods import PeriodState
from billing.subscriptions import end_finished
from invoices.models import Invoice
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Backoff, Deadline, doubling

# Statements run outside Django's cursors raise the driver's errors without Django's wrapping.
DATABASE_ERRORS = (DatabaseError, psycopg.DatabaseError)
TRANSIENT_ERRORS = (OperationalError, psycopg.OperationalError)

# Amortizes the statements over many periods, yet bounds the time that ingest waits for their row locks.
CHUNK_SIZE = 1_000
# A stuck holder of one period delays the close by this time only; the period stays due.
LOCK_TIMEOUT_MILLISECONDS = 2_000
RETRIES = Backoff(doubling(timedelta(minutes=1), timedelta(hours=6), count=10), is_endless=True)


def close_due(
    *,
    at: datetime,
    clock_id: int | None = None,
    chunk_size: int = CHUNK_SIZE,
    on_progress: Callable[[CloseSummary], None] = lambda closed: None,
    deadline: Deadline = NO_DEADLINE,
) -> CloseSummary:
    """
    Close every period that is due at `at`, chunk by chunk, and return the counts.

    clock_id: limit to customers on this test clock; None means real time.
    on_progress: called after each chunk with its counts.
    deadline: checked before each chunk; periods left when it is over stay due.

    Chunks are claimed without waiting for locks. Of the periods that others held, this waits for one at a time: when
    its holder releases it, the rest of the holder's chunk is closed, or free to be claimed.
    """
    total, busy = CloseSummary(), set[int]()
    while deadline.has_time():
        for summary in _close_unlocked(at=at, clock_id=clock_id, limit=chunk_size, deadline=deadline):
            total.add(summary)
            on_progress(summary)
        # One more than those that stayed busy, so that an untried one is among them if there is any.
        held_id = next(
            (id_ for id_ in read_due_period_ids(at=at, clock_id=clock_id, limit=len(busy) + 1) if id_ not in busy),
            None,
        )
        if held_id is None or not deadline.has_time():
            break
        summary = _close_with_wait(held_id, at=at)
        if summary.busy:
            busy.add(held_id)
        total.add(summary)
        on_progress(summary)
    return total


def _close_unlocked(*, at: datetime, clock_id: int | None, limit: int, deadline: Deadline) -> Iterator[CloseSummary]:
    """Close periods that can be locked without waiting, and yield the counts of each chunk."""
    after = None
    while deadline.has_time():
        summary, after = _close_chunk(at=at, clock_id=clock_id, limit=limit, after=after)
        summary.busy = 0  # `close_due` waits for these, so they are not left over
        yield summary
        if after is None:
            return


def close_period(*, period_id: int, at: datetime) -> Invoice | None:
    """
    Bill a period, once: later calls return the same invoice, or None if nothing was due.

    It may be closed before its grace period is over, but not before its end.

    :raises PeriodNotOver: if the period ends after `at`.
    :raises ClosingFailed: if it cannot be billed; the reason is stored with the period, and the close is retried.
    """
    period = Period.objects.get(pk=period_id)
    if period.ends_at > at:
        raise PeriodNotOver(
            _("The period %(period)s has not ended at %(time)s. Close it after its end.")
            % {"period": period, "time": f"{at:%Y-%m-%d %H:%M %Z}"}
        )
    summary = _close_with_wait(period_id, at=at)
    if summary.failed:
        raise ClosingFailed(
            next((failure for failure in summary.failed if failure.period_id == period_id), summary.failed[0])
        )
    if summary.busy:
        raise ClosingFailed(
            CloseFailure(
                period_id,
                "usage is being recorded, or the previous period is not billed yet; retry in a moment",
            )
        )
    return Invoice.objects.filter(periods=period_id).first()


def close_periods(*, period_ids: Sequence[int], at: datetime) -> CloseSummary:
    """
    Close those of these periods that are over, in the caller's transaction and without waiting for locks.

    Periods that others hold stay open. Subscriptions that are over are ended by the clock's own task, because a
    process that holds periods must not wait for a subscription.
    """
    locked_ids = lock_ended_periods(period_ids, at=at)
    summary = _close_or_halve(locked_ids, at=at)
    for failure in summary.failed:
        _record_failure(failure, at=at)
    return summary


def _close_or_halve(locked_ids: Sequence[int], *, at: datetime) -> CloseSummary:
    """Close locked periods in one pass; if the database rejects that, halve them until the one at fault is alone."""
    if not locked_ids:
        return CloseSummary()
    try:
        with transaction.atomic():
            return close_locked(locked_ids, at=at).summary
    # Deadlocks and timeouts say nothing about a period: the caller retries the whole item.
    except TRANSIENT_ERRORS:
        raise
    except DATABASE_ERRORS as error:
        if len(locked_ids) == 1:
            return CloseSummary(failed=[CloseFailure(locked_ids[0], describe_error(error))])
    half = len(locked_ids) // 2
    summary = _close_or_halve(locked_ids[:half], at=at)
    # The first half may have closed periods of the second one, on a consolidated invoice.
    open_ids = set(
        Period.objects.filter(pk__in=locked_ids[half:], state=PeriodState.OPEN).values_list("pk", flat=True)
    )
    summary.add(_close_or_halve([id_ for id_ in locked_ids[half:] if id_ in open_ids], at=at))
    return summary


class ClosingFailed(Exception):
    """A period could not be billed; the text gives the reason."""

    def __init__(self, failure: CloseFailure) -> None:
        super().__init__(f"Period {failure.period_id} can't be closed: {failure.error}")
        self.failure = failure


def _close_chunk(
    *, at: datetime, clock_id: int | None, limit: int, after: QueuePosition | None
) -> tuple[CloseSummary, QueuePosition | None]:
    """Close the next periods of the queue that can be locked, and return the position reached, None at its end."""
    positions: Sequence[QueuePosition] = []
    try:
        with transaction.atomic():
            positions = lock_due_periods(at=at, clock_id=clock_id, limit=limit, after=after)
            if not positions:
                return CloseSummary(), None
            hit_failpoint("close.claimed")
            chunk = close_locked([position.period_id for position in positions], at=at)
        summary = _after_commit(chunk, at=at)
    except DATABASE_ERRORS:
        # One of them cannot be written; closed one at a time, the one at fault shows.
        if not positions or not connection.is_usable():
            # Without a connection nothing can be recorded; nothing was committed, so the periods stay due.
            raise
        summary = CloseSummary()
        for queued in positions:
            summary.add(_close_with_wait(queued.period_id, at=at))
    return summary, positions[-1]


def _close_with_wait(period_id: int, *, at: datetime, consolidate: bool = True) -> CloseSummary:
    """
    Close one period, waiting briefly for a transaction that holds it; a period closed already counts as nothing.

    consolidate: whether to close the other periods of its invoice with it.
    """
    period_ids = [period_id]
    try:
        with transaction.atomic():
            if consolidate:
                period_ids += read_companion_ids([period_id]).get(period_id, [])
            periods = Period.objects.filter(pk__in=period_ids)
            late_period_ids = read_late_period_ids(list(periods.values_list("subscription_id", flat=True)))
            # In id order, as ingest locks, so that no deadlock arises; with a timeout, so that a stuck holder only
            # delays this.
            lock_periods(
                [*period_ids, *chain.from_iterable(late_period_ids.values())], milliseconds=LOCK_TIMEOUT_MILLISECONDS
            )
            open_periods = periods.filter(state=PeriodState.OPEN, ends_at__lte=at).order_by("due_at", "pk")
            open_ids = list(open_periods.values_list("pk", flat=True))
            # Another worker closed it while this one waited.
            if period_id not in open_ids:
                return CloseSummary()
            chunk = close_locked(open_ids, at=at, late_period_ids=late_period_ids, consolidate=consolidate)
    except TRANSIENT_ERRORS:
        if not connection.is_usable():
            raise
        return CloseSummary(busy=1)
    except DATABASE_ERRORS as error:
        # After the waiting time, one period that can't be written no longer delays the others of its invoice.
        if len(period_ids) > 1 and Period.objects.filter(pk=period_id, due_at__lte=at - MAX_WAIT).exists():
            return _close_with_wait(period_id, at=at, consolidate=False)
        chunk = ClosedChunk(CloseSummary(failed=[CloseFailure(period_id, describe_error(error))]))
    return _after_commit(chunk, at=at)


def _after_commit(chunk: ClosedChunk, *, at: datetime) -> CloseSummary:
    """Do the work that must not happen inside a close: record failures, and end the subscriptions that are over."""
    hit_failpoint("close.after_commit")
    for failure in chunk.summary.failed:
        _record_failure(failure, at=at)
    # Not within the close: subscriptions are locked before periods everywhere, and a close holds periods.
    if chunk.ended_subscription_ids:
        end_finished(at=at, subscription_ids=chunk.ended_subscription_ids)
    return chunk.summary


def _record_failure(failure: CloseFailure, *, at: datetime) -> None:
    """Store the reason why a period could not be closed and when to retry."""
    period = Period.objects.filter(pk=failure.period_id, state=PeriodState.OPEN)
    attempts = period.values_list("attempts", flat=True).first() or 0
    retry_at = RETRIES.next_at(attempts + 1, at)
    period.update(error=failure.error, attempts=F("attempts") + 1, retry_at=retry_at)
