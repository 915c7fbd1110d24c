"""
Correct usage in one transaction: docs/metering.md#corrections.

  validate → lock open reports → lock the periods → store replacements → store corrections
  → subtract from counters and rollups → count replacements → rebuild states → mark closed periods late

It acquires locks in ingest's order, so corrections, usage and closes meet at the same rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import localcontext

import psycopg
from django.contrib.auth.models import User

from billing.metering.corrections.notifications import notify_corrected
from billing.metering.corrections.state_rebuild import rebuild_states
from billing.metering.corrections.subtraction import sum_contributions
from billing.metering.corrections.validation import REJECTED, CorrectionOutcome, CorrectionRequest, validate
from billing.metering.drawdown import draw_down
from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.metering.ingest.event_contributions import EventContributions, read_contributions
from billing.metering.ingest.event_reader import read_by_key
from billing.metering.ingest.event_recorder import ACCEPTED, DUPLICATE, EXACT, EventBatch, StaleCatalog
from billing.metering.ingest.state_updates import update_states
from billing.metering.store import corrections, counter_store, unmatched_usage
from billing.metering.store import events as event_store
from billing.metering.store.corrections import NewCorrection
from billing.metering.store.event_removals import EventsRemoved
from billing.metering.store.prepaid_windows import date_at_last_use
from billing.metering.store.usage_buckets import add_uses, subtract_uses
from lib.audit_log import audited_transaction
from lib.failpoints import hit_failpoint

# Each try starts from fresh caches, so only constant contention exhausts them.
_TRIES = 5


class NothingCorrected(Exception):
    """
    A correction of an atomic request can't be made, so none is.

    outcomes: the outcome of each correction.
    """

    def __init__(self, outcomes: Sequence[CorrectionOutcome]) -> None:
        super().__init__("one of the corrections failed, so none was made")
        self.outcomes = outcomes


def correct_usage(
    *,
    corrections: Sequence[CorrectionRequest],
    sandbox: bool,
    at: datetime,
    by: User | None = None,
    api_key_id: int | None = None,
    atomic: bool = False,
) -> list[CorrectionOutcome]:
    """
    Void events, count their replacements, and return the outcome of each correction: accepted, duplicate (made
    before), conflict or rejected.

    by, api_key_id: the actor, one of the two.

    An accepted correction is committed and visible to every read when this returns. The transaction is retried if the
    cached catalog was stale or a deadlock was lost.

    :raises NothingCorrected: if `atomic` and one of the corrections can't be made.
    :raises CounterUnderflow: if counters hold less than the events contributed.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with audited_transaction("correct usage", by=by, at=at):
                return _correct(corrections, sandbox, at=at, by=by, api_key_id=api_key_id, atomic=atomic)
        except EventsRemoved as error:
            # Events that are needed to count others again have left, so none of these can be corrected.
            outcomes = [CorrectionOutcome(REJECTED, "id", str(error)) for _ in corrections]
            if atomic:
                raise NothingCorrected(outcomes) from error
            return outcomes
        except (StaleCatalog, counter_store.CounterMissing, psycopg.errors.DeadlockDetected):
            if not tries_left:
                raise
            counter_store.clear_id_cache()
            catalog_cache.refresh()
            customer_cache.clear()
    raise AssertionError("unreachable")


def _correct(
    requests: Sequence[CorrectionRequest],
    sandbox: bool,
    *,
    at: datetime,
    by: User | None,
    api_key_id: int | None,
    atomic: bool,
) -> list[CorrectionOutcome]:
    keys = {request.key for request in requests}
    # Lock order is that of a reprocess: reports first, then periods.
    open_reports = unmatched_usage.lock_reports(keys)
    stored = event_store.read_digests({request.replacement.key for request in requests if request.replacement})
    stored |= {key: row.digest for key, row in read_by_key(keys).items()}
    outcomes, new = validate(requests, stored=stored, corrected=corrections.read_corrections(keys))
    if atomic and not {outcome.status for outcome in outcomes} <= {ACCEPTED, DUPLICATE}:
        raise NothingCorrected(outcomes)
    if new:
        # Noted before anything is attributed, and compared afterwards.
        revision = catalog_cache.get_catalog().revision
        wrong = read_contributions(list(read_by_key({request.key for request in new}).values()))
        batch = event_recorder.attribute_events(
            [request.replacement for request in new if request.replacement], sandbox=sandbox
        )
        # Voided events and replacements must be attributed by one revision of the catalog.
        if batch.catalog_revision != revision:
            raise StaleCatalog
        _store(new, wrong, batch, open_reports, at=at, by=by, api_key_id=api_key_id)
    return outcomes


def _store(
    new: Sequence[CorrectionRequest],
    wrong: Sequence[EventContributions],
    batch: EventBatch,
    open_reports: Sequence[tuple[int, int | None]],
    *,
    at: datetime,
    by: User | None,
    api_key_id: int | None,
) -> None:
    both = replace(
        batch,
        events=[*(contributions.event for contributions in wrong), *batch.events],
        attributions=[*(contributions.attribution for contributions in wrong), *batch.attributions],
    )
    period_locks = event_recorder.lock_batch_periods(both)
    hit_failpoint("correct.after_gate")
    if event_recorder.insert_events(batch, at=at):
        raise StaleCatalog  # an event with this id arrived in between
    rows = [
        NewCorrection(
            request.key, request.kind, request.replacement.key if request.replacement else None, request.reason
        )
        for request in new
    ]
    numbers = corrections.add(rows, sandbox=batch.sandbox, at=at, by_id=by.pk if by else None, api_key_id=api_key_id)
    if len(numbers) < len(new):
        raise StaleCatalog  # another request corrected one of the events in between
    unmatched_usage.resolve(open_reports, at=at)
    _move_counts(wrong, batch, period_locks, at=at)
    notify_corrected(new, wrong, numbers, at=at)
    hit_failpoint("correct.before_commit")


def _move_counts(
    wrong: Sequence[EventContributions], batch: EventBatch, period_locks: counter_store.PeriodLocks, *, at: datetime
) -> None:
    """Subtract the contributions of the wrong events, and count their replacements."""
    # Sums of up to a thousand events must not round.
    with localcontext(EXACT):
        old, new = sum_contributions(wrong), event_recorder.aggregate(batch)
        counters = {**old.counters, **new.counters}
        # Both sides are locked at once and in order, so that two corrections can't deadlock between subtracting and
        # adding.
        counter_store.lock_counters(counters)
        counter_store.subtract_from_counters(old.counters, old.rollups)
        ids = counter_store.add_to_counters(new.counters, new.rollups)
        if new.state_updates:
            update_states(new.state_updates, ids)
        rebuild_states(wrong)
        subtract_uses(old.limited)
        add_uses(new.limited)
    # Both sides together: the wallet pays or gets back only the difference.
    draw_down(date_at_last_use(old.usage_times) | date_at_last_use(new.usage_times), at=at)
    event_recorder.mark_late_periods(counters, old.carryovers | new.carryovers, period_locks, at=at)
