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

from billing.metering.corrections.notifications import tell_corrected
from billing.metering.corrections.state_rebuild import rebuild
from billing.metering.corrections.subtraction import taken_back
from billing.metering.corrections.validation import Outcome, Wanted, judge
from billing.metering.drawdown import draw
from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.metering.ingest.event_contributions import Given, given
from billing.metering.ingest.event_reader import stored_by_key
from billing.metering.ingest.event_recorder import ACCEPTED, DUPLICATE, EXACT, Batch, CopyIsOld
from billing.metering.ingest.state_updates import tally
from billing.metering.store import corrections, counter_store, unmatched_usage
from billing.metering.store import events as event_store
from billing.metering.store.corrections import New
from billing.metering.store.prepaid_windows import undivided
from lib.audit_log import change
from lib.failpoints import reached

_TRIES = 5


class NothingCorrected(Exception):
    """One of the corrections of an atomic request cannot be made, so none is. `outcomes`: of each of them."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__("one of the corrections cannot be made, so none is")
        self.outcomes = outcomes


def correct(
    *,
    corrections: Sequence[Wanted],
    sandbox: bool,
    at: datetime,
    by: AbstractBaseUser | None = None,
    api_key_id: int | None = None,
    atomic: bool = False,
) -> list[Outcome]:
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
            with change("correct usage", by=by, at=at):
                return _correct(corrections, sandbox, at=at, by=by, api_key_id=api_key_id, atomic=atomic)
        except (CopyIsOld, counter_store.SumsMissing, psycopg.errors.DeadlockDetected):
            if not left:
                raise
            counter_store.forget()
            catalog_cache.refresh()
            customer_cache.forget()
    raise AssertionError("unreachable")


def _correct(
    wanted: Sequence[Wanted],
    sandbox: bool,
    *,
    at: datetime,
    by: AbstractBaseUser | None,
    api_key_id: int | None,
    atomic: bool,
) -> list[Outcome]:
    keys = {one.key for one in wanted}
    open_reports = unmatched_usage.hold(keys)
    stored = event_store.digests(keys | {one.replacement.key for one in wanted if one.replacement})
    outcomes, new = judge(wanted, stored=stored, corrected=corrections.of(keys))
    if atomic and not {one.status for one in outcomes} <= {ACCEPTED, DUPLICATE}:
        raise NothingCorrected(outcomes)
    if new:
        revision = catalog_cache.current().revision
        wrong = given(list(stored_by_key({one.key for one in new}).values()))
        batch = event_recorder.attribute_all([one.replacement for one in new if one.replacement], sandbox=sandbox)
        if batch.catalog_revision != revision:
            raise CopyIsOld
        _store(new, wrong, batch, open_reports, at=at, by=by, api_key_id=api_key_id)
    return outcomes


def _store(
    new: Sequence[Wanted],
    wrong: Sequence[Given],
    batch: Batch,
    open_reports: Sequence[tuple[int, int | None]],
    *,
    at: datetime,
    by: AbstractBaseUser | None,
    api_key_id: int | None,
) -> None:
    both = replace(
        batch,
        events=[*(one.event for one in wrong), *batch.events],
        attributions=[*(one.found for one in wrong), *batch.attributions],
    )
    gates = event_recorder.gated(both)
    reached("correct.after_gate")
    if event_recorder.append(batch, at=at):
        raise CopyIsOld  # somebody has sent an event of this id meanwhile
    rows = [New(one.key, one.kind, one.replacement and one.replacement.key, one.reason) for one in new]
    who = {"by_id": by and by.pk, "api_key_id": api_key_id}
    numbers = corrections.add(rows, sandbox=batch.sandbox, at=at, **who)
    if len(numbers) < len(new):
        raise CopyIsOld  # somebody has corrected one of the events meanwhile
    unmatched_usage.resolve(open_reports, at=at)
    _move(wrong, batch, gates, at=at)
    tell_corrected(new, wrong, numbers, at=at)
    reached("correct.before_commit")


def _move(wrong: Sequence[Given], batch: Batch, gates: counter_store.Gated, *, at: datetime) -> None:
    """Take back what the wrong events gave, and count what replaces them."""
    with localcontext(EXACT):
        old, new = taken_back(wrong), event_recorder.fold(batch)
        counters = {**old.counters, **new.counters}
        counter_store.hold(counters)
        counter_store.take_back(old.counters, old.rollups)
        ids = counter_store.add(new.counters, new.rollups)
        if new.tallied:
            tally(new.tallied, ids)
        rebuild(wrong)
    draw(undivided(old.used) | undivided(new.used), at=at)
    event_recorder.mark_late(counters, old.carried | new.carried, gates, at=at)
