"""
Correct usage, in one transaction: docs/metering.md#corrections.

    judge → hold open reports → gate the periods → append replacements → append corrections
    → take back from counters and rollups → count replacements → tally anew → mark closed periods late

The gate and everything after it is as ingest does it, so corrections, usage and closes meet at the same rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import localcontext

import psycopg
from django.contrib.auth.models import AbstractBaseUser

from billing.metering.corrections.notifications import notify_corrected
from billing.metering.corrections.state_rebuild import rebuild_states
from billing.metering.corrections.subtraction import sum_contributions
from billing.metering.corrections.validation import CorrectionOutcome, CorrectionRequest, validate
from billing.metering.drawdown import draw_down
from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.metering.ingest.event_contributions import EventContributions, read_contributions
from billing.metering.ingest.event_reader import read_by_key
from billing.metering.ingest.event_recorder import ACCEPTED, DUPLICATE, EXACT, EventBatch, StaleCatalog
from billing.metering.ingest.state_updates import update_states
from billing.metering.store import corrections, counter_store, unmatched_usage
from billing.metering.store import events as event_store
from billing.metering.store.corrections import NewCorrection
from billing.metering.store.prepaid_windows import date_at_last_use
from lib.audit_log import audited_transaction
from lib.failpoints import hit_failpoint

_TRIES = 5


class NothingCorrected(Exception):
    """One of the corrections of an atomic request cannot be made, so none is. `outcomes`: of each of them."""

    def __init__(self, outcomes: Sequence[CorrectionOutcome]) -> None:
        super().__init__("one of the corrections cannot be made, so none is")
        self.outcomes = outcomes


def correct_usage(
    *,
    corrections: Sequence[CorrectionRequest],
    sandbox: bool,
    at: datetime,
    by: AbstractBaseUser | None = None,
    api_key_id: int | None = None,
    atomic: bool = False,
) -> list[CorrectionOutcome]:
    """
    Take back events, count what replaces them, and return what became of each correction: accepted, duplicate (made
    before), conflict or rejected.

    When this returns, everything accepted is committed and shows in every read. by, api_key_id: who asks, one of
    them. What changed meanwhile, and a deadlock that is lost, make it start over.

    :raises NothingCorrected: if `atomic` and one of them cannot be made.
    :raises SumsDisagree: if counters hold less than the events gave them.
    """
    for left in reversed(range(_TRIES)):
        try:
            with audited_transaction("correct usage", by=by, at=at):
                return _correct(corrections, sandbox, at=at, by=by, api_key_id=api_key_id, atomic=atomic)
        except (StaleCatalog, counter_store.CounterMissing, psycopg.errors.DeadlockDetected):
            if not left:
                raise
            counter_store.clear_id_cache()
            catalog_cache.refresh()
            customer_cache.clear()
    raise AssertionError("unreachable")


def _correct(
    wanted: Sequence[CorrectionRequest],
    sandbox: bool,
    *,
    at: datetime,
    by: AbstractBaseUser | None,
    api_key_id: int | None,
    atomic: bool,
) -> list[CorrectionOutcome]:
    keys = {one.key for one in wanted}
    open_reports = unmatched_usage.lock_reports(keys)
    stored = event_store.read_digests(keys | {one.replacement.key for one in wanted if one.replacement})
    outcomes, new = validate(wanted, stored=stored, corrected=corrections.read_corrections(keys))
    if atomic and not {one.status for one in outcomes} <= {ACCEPTED, DUPLICATE}:
        raise NothingCorrected(outcomes)
    if new:
        revision = catalog_cache.get_catalog().revision
        wrong = read_contributions(list(read_by_key({one.key for one in new}).values()))
        batch = event_recorder.attribute_events([one.replacement for one in new if one.replacement], sandbox=sandbox)
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
    by: AbstractBaseUser | None,
    api_key_id: int | None,
) -> None:
    both = replace(
        batch,
        events=[*(one.event for one in wrong), *batch.events],
        attributions=[*(one.attribution for one in wrong), *batch.attributions],
    )
    gates = event_recorder.lock_batch_periods(both)
    hit_failpoint("correct.after_gate")
    if event_recorder.insert_events(batch, at=at):
        raise StaleCatalog  # somebody has sent an event of this id meanwhile
    rows = [NewCorrection(one.key, one.kind, one.replacement and one.replacement.key, one.reason) for one in new]
    who = {"by_id": by and by.pk, "api_key_id": api_key_id}
    numbers = corrections.add(rows, sandbox=batch.sandbox, at=at, **who)
    if len(numbers) < len(new):
        raise StaleCatalog  # somebody has corrected one of the events meanwhile
    unmatched_usage.resolve(open_reports, at=at)
    _move(wrong, batch, gates, at=at)
    notify_corrected(new, wrong, numbers, at=at)
    hit_failpoint("correct.before_commit")


def _move(
    wrong: Sequence[EventContributions], batch: EventBatch, gates: counter_store.PeriodLocks, *, at: datetime
) -> None:
    """Take back what the wrong events gave, and count what replaces them."""
    with localcontext(EXACT):
        old, new = sum_contributions(wrong), event_recorder.aggregate(batch)
        counters = {**old.counters, **new.counters}
        counter_store.lock_counters(counters)
        counter_store.subtract_from_counters(old.counters, old.rollups)
        ids = counter_store.add_to_counters(new.counters, new.rollups)
        if new.state_updates:
            update_states(new.state_updates, ids)
        rebuild_states(wrong)
    draw_down(date_at_last_use(old.usage_times) | date_at_last_use(new.usage_times), at=at)
    event_recorder.mark_late_periods(counters, old.carryovers | new.carryovers, gates, at=at)
