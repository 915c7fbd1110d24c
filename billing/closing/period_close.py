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

from billing.closing.batch import Chunk, close_locked, in_words
from billing.closing.consolidation.consolidated_invoices import PATIENCE
from billing.closing.consolidation.locks import companions
from billing.closing.period_locks import Place, claim, claim_these, due, read_late, wait_for
from billing.closing.result import Closed, Failure, PeriodNotOver
from billing.models import Period
from billing.models.periods import PeriodState
from billing.subscriptions import end_finished
from invoices.models import Invoice
from lib.failpoints import reached

# Statements beside Django's own cursors raise the driver's errors as they are.
ERRORS = (DatabaseError, psycopg.DatabaseError)
PASSING_ERRORS = (OperationalError, psycopg.OperationalError)

CHUNK = 1_000
PATIENCE_MILLISECONDS = 2_000
FIRST_RETRY, LAST_RETRY = timedelta(minutes=1), timedelta(hours=6)


def close_due(
    *,
    at: datetime,
    clock: int | None = None,
    chunk: int = CHUNK,
    progress: Callable[[Closed], None] = lambda closed: None,
    keep_going: Callable[[], bool] = lambda: True,
) -> Closed:
    """
    Close every period that is due at `at`, chunk by chunk, and return what came of it.

    clock: of customers in this test clock's time; in real time for None.
    progress: called after each chunk with its counts. keep_going: asked before each chunk; what is left then is due
    as before.

    The many are claimed without waiting for locks. Of what others held then, one period is waited for: when its
    holder lets go of it, the rest of that chunk is closed, or free to be claimed.
    """
    result, busy = Closed(), set()
    while keep_going():
        for part in _close_free(at=at, clock=clock, limit=chunk, keep_going=keep_going):
            result.add(part)
            progress(part)
        held = next((id_ for id_ in due(at=at, clock=clock, limit=len(busy) + 1) if id_ not in busy), None)
        if held is None or not keep_going():
            break
        part = _close_waiting(held, at=at)
        if part.busy:
            busy.add(held)
        result.add(part)
        progress(part)
    return result


def _close_free(*, at: datetime, clock: int | None, limit: int, keep_going: Callable[[], bool]) -> Iterator[Closed]:
    """Close what can be claimed without waiting, and yield what came of each chunk."""
    after = None
    while keep_going():
        part, after = _close_chunk(at=at, clock=clock, limit=limit, after=after)
        part.busy = 0  # whoever asked waits for them
        yield part
        if after is None:
            return


def close_one(*, period_id: int, at: datetime) -> Invoice | None:
    """
    Bill a period, once: later calls return the same invoice, or None where nothing was due.

    It may be closed before its grace is over, but not before its end.

    :raises PeriodNotOver: if the period ends after `at`.
    :raises ClosingFailed: if it cannot be billed; the reason is kept with the period, and it is tried again.
    """
    period = Period.objects.get(pk=period_id)
    if period.ends_at > at:
        raise PeriodNotOver(f"The period {period} is not over at {at}: close it when it is.")
    result = _close_waiting(period_id, at=at)
    if result.failed:
        raise ClosingFailed(next((one for one in result.failed if one.period_id == period_id), result.failed[0]))
    if result.busy:
        raise ClosingFailed(
            Failure(
                period_id,
                "usage is being recorded in it, or the period before it is not billed yet; try again in a moment",
            )
        )
    return Invoice.objects.filter(periods=period_id).first()


def close_these(*, period_ids: Sequence[int], at: datetime) -> Closed:
    """
    Close those of these periods that are over, as a part of the caller's transaction, and without waiting for any.

    What others hold stays open. Subscriptions that are over are ended by whoever looks after time, since who holds
    periods must not wait for a subscription.
    """
    claimed = claim_these(period_ids, at=at)
    result = _close_parts(claimed, at=at)
    for failure in result.failed:
        _note(failure, at=at)
    return result


def _close_parts(claimed: Sequence[int], *, at: datetime) -> Closed:
    """Close claimed periods at one go; where the database refuses that, by halves, until it is known which it is."""
    if not claimed:
        return Closed()
    try:
        with transaction.atomic():
            return close_locked(claimed, at=at).closed
    except PASSING_ERRORS:
        raise
    except ERRORS as error:
        if len(claimed) == 1:
            return Closed(failed=[Failure(claimed[0], in_words(error))])
    half = len(claimed) // 2
    result = _close_parts(claimed[:half], at=at)
    # What goes on one document with those is closed with them.
    is_open = set(Period.objects.filter(pk__in=claimed[half:], state=PeriodState.OPEN).values_list("pk", flat=True))
    result.add(_close_parts([id_ for id_ in claimed[half:] if id_ in is_open], at=at))
    return result


class ClosingFailed(Exception):
    """A period could not be billed; the text says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"Period {failure.period_id} cannot be closed: {failure.error}")
        self.failure = failure


def _close_chunk(*, at: datetime, clock: int | None, limit: int, after: Place | None) -> tuple[Closed, Place | None]:
    """Close the next claimable periods of the queue, and return the place reached, None at its end."""
    places: Sequence[Place] = []
    try:
        with transaction.atomic():
            places = claim(at=at, clock=clock, limit=limit, after=after)
            if not places:
                return Closed(), None
            reached("close.claimed")
            chunk = close_locked([place.period_id for place in places], at=at)
        result = _after_commit(chunk, at=at)
    except ERRORS:
        # One of them cannot be written; alone, each shows whether it is the one.
        if not places or not connection.is_usable():
            raise
        result = Closed()
        for place in places:
            result.add(_close_waiting(place.period_id, at=at))
    return result, places[-1]


def _close_waiting(period_id: int, *, at: datetime, joins: bool = True) -> Closed:
    """
    Close one period, waiting a moment for whoever holds it; one that is closed already counts as nothing.

    joins: with those that go on one document with it.
    """
    wanted = [period_id]
    try:
        with transaction.atomic():
            if joins:
                wanted += companions([period_id]).get(period_id, [])
            periods = Period.objects.filter(pk__in=wanted)
            late = read_late(list(periods.values_list("subscription_id", flat=True)))
            wait_for([*wanted, *chain.from_iterable(late.values())], milliseconds=PATIENCE_MILLISECONDS)
            over = periods.filter(state=PeriodState.OPEN, ends_at__lte=at).order_by("due_at", "pk")
            open_ids = list(over.values_list("pk", flat=True))
            if period_id not in open_ids:
                return Closed()
            chunk = close_locked(open_ids, at=at, late=late, joins=joins)
    except PASSING_ERRORS:
        if not connection.is_usable():
            raise
        return Closed(busy=1)
    except ERRORS as error:
        if len(wanted) > 1 and Period.objects.filter(pk=period_id, due_at__lte=at - PATIENCE).exists():
            return _close_waiting(period_id, at=at, joins=False)
        chunk = Chunk(Closed(failed=[Failure(period_id, in_words(error))]))
    return _after_commit(chunk, at=at)


def _after_commit(chunk: Chunk, *, at: datetime) -> Closed:
    """Do what must not happen inside a close: note failures, and end the subscriptions that are over."""
    reached("close.after_commit")
    for failure in chunk.closed.failed:
        _note(failure, at=at)
    if chunk.over:
        end_finished(at=at, subscription_ids=chunk.over)
    return chunk.closed


def _note(failure: Failure, *, at: datetime) -> None:
    """Keep why a period could not be closed, and when it is tried again: after 1, 2, 4 … minutes, 6 hours at most."""
    period = Period.objects.filter(pk=failure.period_id, state=PeriodState.OPEN)
    attempts = period.values_list("attempts", flat=True).first() or 0
    pause = min(FIRST_RETRY * 2 ** min(attempts, 10), LAST_RETRY)
    period.update(error=failure.error, attempts=F("attempts") + 1, retry_at=at + pause)
