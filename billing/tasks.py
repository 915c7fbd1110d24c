"""Scheduled tasks of billing. Each reads its due work from tables, so a lost run is harmless and a repeat safe."""

from datetime import datetime

from billing import closing, subscriptions
from billing.closing import dunning, voucher_usage
from billing.job_kinds import KINDS
from billing.jobs import retention as job_retention
from billing.jobs.worker import WorkResult, work
from billing.limits.alerts import evaluation
from billing.limits.reservations import lapse_due
from billing.metering.ingest.reprocess import reprocess
from billing.privacy import retention as privacy_retention
from billing.privacy.event_removal import remove_old_events as remove_due_events
from billing.revenue.accruals import accrual_run
from billing.revenue.adapters.change_search import queue_changes
from billing.revenue.adapters.push_run import push_due
from billing.revenue.data_drop.job import start_due_drops
from billing.simulation.retention import delete_old_results
from billing.simulation.sandbox import advance_all
from billing.subscriptions.periods import generation
from billing.subscriptions.plan_changes import rollouts
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.price_notifications import announce_published_versions
from billing.subscriptions.terms.credit_grants import grant_due
from lib.queue import Deadline
from lib.task_clock import BULK_SECONDS, database_time, due_task
from plans.publishing import publication

CLOSING_SECONDS = 200
"""How long a run closes periods, well below the time limit of tasks; the next run continues."""


def _close_due_periods(*, at: datetime, deadline: Deadline) -> dict[str, int]:
    """Close the periods that are due, then bill late usage of ended subscriptions."""
    # A period that must be split is split first, so that it is not closed as a whole.
    split_due_periods(at=at, deadline=deadline)
    result = closing.close_due(at=at, deadline=deadline)
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


def _run_rollouts(*, at: datetime, deadline: Deadline) -> dict[str, int]:
    """Schedule the subscriptions that published versions are for, and move those whose date has come."""
    # A subscription moves to a version only once the version is live.
    publication.publish_due(at=at)
    scheduled = rollouts.roll_out(at=at, deadline=deadline)
    announce_published_versions(at=at)
    split = split_due_periods(at=at, deadline=deadline)
    return {"scheduled": scheduled, "split": split, "moved": apply_due_changes(at=at)}


def _generate_periods(*, at: datetime) -> int:
    """Complete trials, apply pauses and ends that are due, and create upcoming periods of active subscriptions."""
    subscriptions.complete_trials(at=at)
    subscriptions.apply_due_pauses(at=at)
    subscriptions.end_finished(at=at)
    return subscriptions.generate_periods(until=at + generation.PERIOD_LEAD_TIME)


def _run_jobs(*, at: datetime, deadline: Deadline) -> WorkResult:
    return work(kinds=KINDS, clock=database_time, deadline=deadline)


def _advance_clocks(*, at: datetime, deadline: Deadline) -> int:
    return advance_all(deadline=deadline)


def _clear_old_jobs(*, at: datetime) -> int:
    return job_retention.clear_old_jobs(at=at) + delete_old_results(at=at)


close_due_periods = due_task("billing.close_due_periods", _close_due_periods, seconds=CLOSING_SECONDS)
bill_thresholds = due_task("billing.bill_thresholds", closing.bill_reached_thresholds)
reprocess_usage = due_task("billing.reprocess_usage", reprocess, seconds=CLOSING_SECONDS)
run_rollouts = due_task("billing.run_rollouts", _run_rollouts, seconds=CLOSING_SECONDS)
generate_periods = due_task("billing.generate_periods", _generate_periods)
grant_included_credits = due_task("billing.grant_included_credits", grant_due, seconds=BULK_SECONDS)
run_jobs = due_task("billing.run_jobs", _run_jobs, seconds=BULK_SECONDS)
advance_clocks = due_task("billing.advance_clocks", _advance_clocks, seconds=BULK_SECONDS)
evaluate_alerts = due_task("billing.evaluate_alerts", evaluation.evaluate_alerts, seconds=BULK_SECONDS)
clear_old_jobs = due_task("billing.clear_old_jobs", _clear_old_jobs)
accrue_revenue = due_task("billing.accrue_revenue", accrual_run.accrue_all, seconds=CLOSING_SECONDS)
queue_sync_records = due_task("billing.queue_sync_records", queue_changes, seconds=BULK_SECONDS)
send_sync_records = due_task("billing.send_sync_records", push_due, seconds=BULK_SECONDS)
start_data_drops = due_task("billing.start_data_drops", start_due_drops)
apply_retention = due_task("billing.apply_retention", privacy_retention.apply_retention, seconds=CLOSING_SECONDS)
remove_old_events = due_task("billing.remove_old_events", remove_due_events, seconds=BULK_SECONDS)
tax_voucher_usage = due_task("billing.tax_voucher_usage", voucher_usage.tax_voucher_usage, seconds=BULK_SECONDS)
lapse_reservations = due_task("billing.lapse_reservations", lapse_due)
apply_dunning_actions = due_task("billing.apply_dunning_actions", dunning.apply_dunning_actions, seconds=BULK_SECONDS)
