"""What time does to subscriptions. Each task looks in the tables for what is due, so one missed is no loss."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task

from billing import closing, subscriptions
from billing.closing import dunning
from billing.job_kinds import KINDS
from billing.jobs.retention import clear_old_jobs
from billing.jobs.worker import work
from billing.limits.alerts import evaluation
from billing.limits.reservations import lapse_due
from billing.metering.ingest.reprocess import reprocess
from billing.privacy.retention import apply_retention
from billing.simulation.retention import delete_old_results
from billing.simulation.sandbox import advance_all
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.plan_changes import rollouts
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.price_notifications import announce_published_versions
from billing.subscriptions.terms.credit_grants import grant_due
from lib.task_clock import database_time
from plans.publishing import publication

CLOSING_SECONDS = 200
"""How long one task goes on closing, well within the time limit of tasks; the next one takes over."""

BULK_SECONDS = 45
"""How long one task goes on with bulk work; the next one takes over, and other tasks have their turn in between."""


@shared_task
def close_due_periods() -> dict[str, int]:
    """Close what is due, together with whatever other workers are at it, then bill what came late to the ended."""
    at, stop_at = database_time(), monotonic() + CLOSING_SECONDS
    split_due_periods(at=at, keep_going=lambda: monotonic() < stop_at)  # what is to be split is not closed as a whole
    done = closing.close_due(at=at, should_continue=lambda: monotonic() < stop_at)
    # A worker that died after its commit ended nobody, and late usage of what is not ended waits for a next document.
    subscriptions.end_finished(at=at)
    done.add(closing.bill_late_usage(at=at))
    return {
        "issued": done.issued,
        "credited": done.credited,
        "joined": done.joined,
        "skipped": done.skipped,
        "failed": len(done.failed),
        "busy": done.busy,
        "late": done.late_billed,
    }


@shared_task
def bill_progress() -> int:
    """Invoice periods whose usage has reached a threshold; what somebody holds is left for the next minute."""
    return closing.bill_reached_thresholds(at=database_time())


@shared_task
def reprocess_usage() -> dict[str, int]:
    """Attribute what was unmatched once more; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + CLOSING_SECONDS
    return asdict(reprocess(at=database_time(), should_continue=lambda: monotonic() < stop_at))


@shared_task
def roll_out() -> dict[str, int]:
    """Schedule whom new versions were published for, and move those whose time has come; harmless to run twice."""
    at, stop_at = database_time(), monotonic() + CLOSING_SECONDS
    publication.publish_due(at=at)  # who moves to a version moves once that is live
    found = rollouts.roll_out(at=at, keep_going=lambda: monotonic() < stop_at)
    announce_published_versions(at=at)
    split = split_due_periods(at=at, keep_going=lambda: monotonic() < stop_at)
    return {"scheduled": found, "split": split, "moved": apply_due_changes(at=at)}


@shared_task
def extend_periods() -> int:
    """Give running subscriptions their next periods, and mark whose trial or pause is over, and who has ended."""
    at = database_time()
    subscriptions.complete_trials(at=at)
    subscriptions.apply_due_pauses(at=at)
    subscriptions.end_finished(at=at)
    return subscriptions.generate_periods(until=at + PERIOD_LEAD_TIME)


@shared_task
def grant_included_credits() -> int:
    """Grant periods the credits that their versions include, before they begin; harmless to run twice."""
    stop_at = monotonic() + BULK_SECONDS
    return grant_due(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def run_jobs() -> dict[str, int]:
    """Go on with bulk work, together with whatever other workers are at it."""
    stop_at = monotonic() + BULK_SECONDS
    return asdict(work(kinds=KINDS, clock=database_time, keep_going=lambda: monotonic() < stop_at))


@shared_task
def advance_clocks() -> int:
    """Take test clocks where they are to go, together with whatever other workers are at it."""
    stop_at = monotonic() + BULK_SECONDS
    return advance_all(keep_going=lambda: monotonic() < stop_at)


@shared_task
def evaluate_alerts() -> dict[str, int]:
    """Fire and recover alerts of what has changed, together with whatever other workers are at it."""
    stop_at = monotonic() + BULK_SECONDS
    return asdict(evaluation.evaluate_alerts(at=database_time(), should_continue=lambda: monotonic() < stop_at))


@shared_task
def forget_old_jobs() -> int:
    """Let go of what jobs and simulations of long ago held; what is left of them is for the next hour."""
    at = database_time()
    return clear_old_jobs(at=at) + delete_old_results(at=at)


@shared_task
def let_go_of_personal_data() -> dict[str, int]:
    """Erase customers whose time is over, and what else settings say; what is left is for the next night."""
    stop_at = monotonic() + CLOSING_SECONDS
    return asdict(apply_retention(at=database_time(), keep_going=lambda: monotonic() < stop_at))


@shared_task
def lapse_reservations() -> int:
    """Give back what reservations hold whose time is over; a check counts them no more as soon as it is."""
    return lapse_due(at=database_time())


@shared_task
def follow_dunning() -> int:
    """Pause, cancel and resume what dunning asks for; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + BULK_SECONDS
    return dunning.apply_dunning_actions(at=database_time(), should_continue=lambda: monotonic() < stop_at)
