"""
Close periods: docs/closing.md.

Any number of workers may run this at once and be killed anywhere: a chunk is one transaction, and what was not
committed is due as before.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain

import psycopg
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import F

from billing.closing.batch import ClosedChunk, close_locked, describe_error
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
from billing.closing.result import CloseFailure, CloseSummary, PeriodNotOver
from billing.models import Period
from billing.models.periods import PeriodState
from billing.subscriptions import end_finished
from invoices.models import Invoice
from lib.failpoints import hit_failpoint

# Statements beside Django's own cursors raise the driver's errors as they are.
DATABASE_ERRORS = (DatabaseError, psycopg.DatabaseError)
TRANSIENT_ERRORS = (OperationalError, psycopg.OperationalError)

CHUNK_SIZE = 1_000
LOCK_TIMEOUT_MILLISECONDS = 2_000
FIRST_RETRY, LAST_RETRY = timedelta(minutes=1), timedelta(hours=6)


def close_due(
    *,
    at: datetime,
    clock_id: int | None = None,
    chunk_size: int = CHUNK_SIZE,
    on_progress: Callable[[CloseSummary], None] = lambda closed: None,
    should_continue: Callable[[], bool] = lambda: True,
) -> CloseSummary:
    """
    Close every period that is due at `at`, chunk by chunk, and return what came of it.

    clock: of customers in this test clock's time; in real time for None.
    progress: called after each chunk with its counts. keep_going: asked before each chunk; what is left then is due
    as before.

    The many are claimed without waiting for locks. Of what others held then, one period is waited for: when its
    holder lets go of it, the rest of that chunk is closed, or free to be claimed.
    """
    result, busy = CloseSummary(), set()
    while should_continue():
        for part in _close_unlocked(at=at, clock_id=clock_id, limit=chunk_size, should_continue=should_continue):
            result.add(part)
            on_progress(part)
        held = next(
            (id_ for id_ in read_due_period_ids(at=at, clock_id=clock_id, limit=len(busy) + 1) if id_ not in busy),
            None,
        )
        if held is None or not should_continue():
            break
        part = _close_with_wait(held, at=at)
        if part.busy:
            busy.add(held)
        result.add(part)
        on_progress(part)
    return result


def _close_unlocked(
    *, at: datetime, clock_id: int | None, limit: int, should_continue: Callable[[], bool]
) -> Iterator[CloseSummary]:
    """Close what can be claimed without waiting, and yield what came of each chunk."""
    after = None
    while should_continue():
        part, after = _close_chunk(at=at, clock_id=clock_id, limit=limit, after=after)
        part.busy = 0  # whoever asked waits for them
        yield part
        if after is None:
            return


def close_period(*, period_id: int, at: datetime) -> Invoice | None:
    """
    Bill a period, once: later calls return the same invoice, or None where nothing was due.

    It may be closed before its grace is over, but not before its end.

    :raises PeriodNotOver: if the period ends after `at`.
    :raises ClosingFailed: if it cannot be billed; the reason is kept with the period, and it is tried again.
    """
    period = Period.objects.get(pk=period_id)
    if period.ends_at > at:
        raise PeriodNotOver(f"The period {period} is not over at {at}: close it when it is.")
    result = _close_with_wait(period_id, at=at)
    if result.failed:
        raise ClosingFailed(next((one for one in result.failed if one.period_id == period_id), result.failed[0]))
    if result.busy:
        raise ClosingFailed(
            CloseFailure(
                period_id,
                "usage is being recorded in it, or the period before it is not billed yet; try again in a moment",
            )
        )
    return Invoice.objects.filter(periods=period_id).first()


def close_periods(*, period_ids: Sequence[int], at: datetime) -> CloseSummary:
    """
    Close those of these periods that are over, as a part of the caller's transaction, and without waiting for any.

    What others hold stays open. Subscriptions that are over are ended by whoever looks after time, since who holds
    periods must not wait for a subscription.
    """
    claimed = lock_ended_periods(period_ids, at=at)
    result = _close_or_halve(claimed, at=at)
    for failure in result.failed:
        _record_failure(failure, at=at)
    return result


def _close_or_halve(claimed: Sequence[int], *, at: datetime) -> CloseSummary:
    """Close claimed periods at one go; where the database refuses that, by halves, until it is known which it is."""
    if not claimed:
        return CloseSummary()
    try:
        with transaction.atomic():
            return close_locked(claimed, at=at).summary
    except TRANSIENT_ERRORS:
        raise
    except DATABASE_ERRORS as error:
        if len(claimed) == 1:
            return CloseSummary(failed=[CloseFailure(claimed[0], describe_error(error))])
    half = len(claimed) // 2
    result = _close_or_halve(claimed[:half], at=at)
    # What goes on one document with those is closed with them.
    is_open = set(Period.objects.filter(pk__in=claimed[half:], state=PeriodState.OPEN).values_list("pk", flat=True))
    result.add(_close_or_halve([id_ for id_ in claimed[half:] if id_ in is_open], at=at))
    return result


class ClosingFailed(Exception):
    """A period could not be billed; the text says why."""

    def __init__(self, failure: CloseFailure) -> None:
        super().__init__(f"Period {failure.period_id} cannot be closed: {failure.error}")
        self.failure = failure


def _close_chunk(
    *, at: datetime, clock_id: int | None, limit: int, after: QueuePosition | None
) -> tuple[CloseSummary, QueuePosition | None]:
    """Close the next claimable periods of the queue, and return the place reached, None at its end."""
    places: Sequence[QueuePosition] = []
    try:
        with transaction.atomic():
            places = lock_due_periods(at=at, clock_id=clock_id, limit=limit, after=after)
            if not places:
                return CloseSummary(), None
            hit_failpoint("close.claimed")
            chunk = close_locked([place.period_id for place in places], at=at)
        result = _after_commit(chunk, at=at)
    except DATABASE_ERRORS:
        # One of them cannot be written; alone, each shows whether it is the one.
        if not places or not connection.is_usable():
            raise
        result = CloseSummary()
        for place in places:
            result.add(_close_with_wait(place.period_id, at=at))
    return result, places[-1]


def _close_with_wait(period_id: int, *, at: datetime, consolidate: bool = True) -> CloseSummary:
    """
    Close one period, waiting a moment for whoever holds it; one that is closed already counts as nothing.

    joins: with those that go on one document with it.
    """
    wanted = [period_id]
    try:
        with transaction.atomic():
            if consolidate:
                wanted += read_companion_ids([period_id]).get(period_id, [])
            periods = Period.objects.filter(pk__in=wanted)
            late = read_late_period_ids(list(periods.values_list("subscription_id", flat=True)))
            lock_periods([*wanted, *chain.from_iterable(late.values())], milliseconds=LOCK_TIMEOUT_MILLISECONDS)
            over = periods.filter(state=PeriodState.OPEN, ends_at__lte=at).order_by("due_at", "pk")
            open_ids = list(over.values_list("pk", flat=True))
            if period_id not in open_ids:
                return CloseSummary()
            chunk = close_locked(open_ids, at=at, late_period_ids=late, consolidate=consolidate)
    except TRANSIENT_ERRORS:
        if not connection.is_usable():
            raise
        return CloseSummary(busy=1)
    except DATABASE_ERRORS as error:
        if len(wanted) > 1 and Period.objects.filter(pk=period_id, due_at__lte=at - MAX_WAIT).exists():
            return _close_with_wait(period_id, at=at, consolidate=False)
        chunk = ClosedChunk(CloseSummary(failed=[CloseFailure(period_id, describe_error(error))]))
    return _after_commit(chunk, at=at)


def _after_commit(chunk: ClosedChunk, *, at: datetime) -> CloseSummary:
    """Do what must not happen inside a close: note failures, and end the subscriptions that are over."""
    hit_failpoint("close.after_commit")
    for failure in chunk.summary.failed:
        _record_failure(failure, at=at)
    if chunk.ended_subscription_ids:
        end_finished(at=at, subscription_ids=chunk.ended_subscription_ids)
    return chunk.summary


def _record_failure(failure: CloseFailure, *, at: datetime) -> None:
    """Keep why a period could not be closed, and when it is tried again: after 1, 2, 4 … minutes, 6 hours at most."""
    period = Period.objects.filter(pk=failure.period_id, state=PeriodState.OPEN)
    attempts = period.values_list("attempts", flat=True).first() or 0
    pause = min(FIRST_RETRY * 2 ** min(attempts, 10), LAST_RETRY)
    period.update(error=failure.error, attempts=F("attempts") + 1, retry_at=at + pause)
