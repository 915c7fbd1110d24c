"""Scheduled tasks of billing. Each reads its due work from tables, so a lost run is harmless and a repeat safe."""

from collections.abc import Callable
from dataclasses import asdict
from time import monotonic

from celery import shared_task

from billing import closing, subscriptions
from billing.closing import dunning
from billing.job_kinds import KINDS
from billing.jobs import retention as job_retention
from billing.jobs.worker import work
from billing.limits.alerts import evaluation
from billing.limits.reservations import lapse_due
from billing.metering.ingest.reprocess import reprocess
from billing.privacy import retention as privacy_retention
from billing.simulation.retention import delete_old_results
from billing.simulation.sandbox import advance_all
from billing.subscriptions.periods import generation
from billing.subscriptions.plan_changes import rollouts
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.price_notifications import announce_published_versions
from billing.subscriptions.terms.credit_grants import grant_due
from lib.task_clock import database_time
from plans.publishing import publication

MAX_CLOSING_SECONDS = 200
"""How long a run closes periods, well below the time limit of tasks; the next run continues."""

MAX_BULK_SECONDS = 45
"""How long a run does bulk work; other tasks get their turn before the next run continues."""


def _for_seconds(seconds: int) -> Callable[[], bool]:
    """Return a function that says whether `seconds` from now have not yet passed."""
    stop_at = monotonic() + seconds
    return lambda: monotonic() < stop_at


@shared_task(name="billing.close_due_periods")
def close_due_periods() -> dict[str, int]:
    """Close the periods that are due, then bill late usage of ended subscriptions."""
    at, should_continue = database_time(), _for_seconds(MAX_CLOSING_SECONDS)
    # A period that must be split is split first, so that it is not closed as a whole.
    split_due_periods(at=at, should_continue=should_continue)
    result = closing.close_due(at=at, should_continue=should_continue)
    # A worker killed after its commit has ended no subscription, and only ended ones get an invoice for late usage.
    subscriptions.end_finished(at=at)
    result.add(closing.bill_late_usage(at=at))
    return {
        "issued": result.issued,
        "credited": result.credited,
        "joined": result.joined,
        "skipped": result.skipped,
        "failed": len(result.failed),
        "busy": result.busy,
        "late": result.late_billed,
    }


@shared_task(name="billing.bill_thresholds")
def bill_thresholds() -> int:
    """Invoice the usage of periods that reached a billing threshold; locked periods wait for the next run."""
    return closing.bill_reached_thresholds(at=database_time())


@shared_task(name="billing.reprocess_usage")
def reprocess_usage() -> dict[str, int]:
    """Attribute unmatched usage again."""
    return asdict(reprocess(at=database_time(), should_continue=_for_seconds(MAX_CLOSING_SECONDS)))


@shared_task(name="billing.run_rollouts")
def run_rollouts() -> dict[str, int]:
    """Schedule the subscriptions that published versions are for, and move those whose date has come."""
    at, should_continue = database_time(), _for_seconds(MAX_CLOSING_SECONDS)
    # A subscription moves to a version only once the version is live.
    publication.publish_due(at=at)
    scheduled = rollouts.roll_out(at=at, should_continue=should_continue)
    announce_published_versions(at=at)
    split = split_due_periods(at=at, should_continue=should_continue)
    return {"scheduled": scheduled, "split": split, "moved": apply_due_changes(at=at)}


@shared_task(name="billing.generate_periods")
def generate_periods() -> int:
    """Complete trials, apply pauses and ends that are due, and create upcoming periods of active subscriptions."""
    at = database_time()
    subscriptions.complete_trials(at=at)
    subscriptions.apply_due_pauses(at=at)
    subscriptions.end_finished(at=at)
    return subscriptions.generate_periods(until=at + generation.PERIOD_LEAD_TIME)


@shared_task(name="billing.grant_included_credits")
def grant_included_credits() -> int:
    """Grant the credits that versions include, before their periods begin."""
    return grant_due(at=database_time(), should_continue=_for_seconds(MAX_BULK_SECONDS))


@shared_task(name="billing.run_jobs")
def run_jobs() -> dict[str, int]:
    """Process items of jobs, next to other workers."""
    return asdict(work(kinds=KINDS, clock=database_time, should_continue=_for_seconds(MAX_BULK_SECONDS)))


@shared_task(name="billing.advance_clocks")
def advance_clocks() -> int:
    """Advance test clocks to their targets, next to other workers."""
    return advance_all(should_continue=_for_seconds(MAX_BULK_SECONDS))


@shared_task(name="billing.evaluate_alerts")
def evaluate_alerts() -> dict[str, int]:
    """Fire and recover alerts of customers with recent changes, next to other workers."""
    should_continue = _for_seconds(MAX_BULK_SECONDS)
    return asdict(evaluation.evaluate_alerts(at=database_time(), should_continue=should_continue))


@shared_task(name="billing.clear_old_jobs")
def clear_old_jobs() -> int:
    """Clear the contents of old jobs and simulations; the next run continues."""
    at = database_time()
    return job_retention.clear_old_jobs(at=at) + delete_old_results(at=at)


@shared_task(name="billing.apply_retention")
def apply_retention() -> dict[str, int]:
    """Erase personal data whose retention has ended; the next run continues."""
    should_continue = _for_seconds(MAX_CLOSING_SECONDS)
    return asdict(privacy_retention.apply_retention(at=database_time(), should_continue=should_continue))


@shared_task(name="billing.lapse_reservations")
def lapse_reservations() -> int:
    """Release expired reservations; checks have ignored them since they expired."""
    return lapse_due(at=database_time())


@shared_task(name="billing.apply_dunning_actions")
def apply_dunning_actions() -> int:
    """Pause, cancel and resume subscriptions as dunning requests."""
    return dunning.apply_dunning_actions(at=database_time(), should_continue=_for_seconds(MAX_BULK_SECONDS))
