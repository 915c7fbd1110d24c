"""
Do the work that is due for the customers of a test clock, with the functions that the real-time tasks call.

Every task of config/schedule.py is either in WORK_BY_TASK, or in REAL_TIME_TASKS with the reason why a test clock
doesn't run it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from billing import closing, subscriptions
from billing.closing import dunning
from billing.closing.close_result import CloseSummary
from billing.closing.voucher_usage import tax_voucher_usage
from billing.limits.alerts.evaluation import evaluate_alerts
from billing.limits.reservations import lapse_due
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.terms.credit_grants import grant_due
from invoices.documents.past_due import mark_overdue
from invoices.payments import attempts
from invoices.payments.dunning.dunning_run import run_dunning
from invoices.payments.refunds.refund import submit_due_refunds
from wallets.auto_topup import run_topups
from wallets.ledger.expiry_job import expire_due
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import settle_purchases

Work = Callable[..., Any]


class DueWorkFailed(Exception):
    """Some due work failed; the text says which work and why."""


class DueWorkBusy(Exception):
    """Another worker holds a lock on the due work for the moment."""


def _generate_periods(*, at: datetime, clock_id: int) -> None:
    subscriptions.complete_trials(at=at, clock_id=clock_id)
    subscriptions.apply_due_pauses(at=at, clock_id=clock_id)
    subscriptions.generate_periods(until=at + PERIOD_LEAD_TIME, clock_id=clock_id)


def _change_plans(*, at: datetime, clock_id: int) -> None:
    split_due_periods(at=at, clock_id=clock_id)
    apply_due_changes(at=at, clock_id=clock_id)


def _close_periods(*, at: datetime, clock_id: int) -> None:
    _raise_on_failure(closing.close_due(at=at, clock_id=clock_id))
    # After the close, which bills the last period; only ended subscriptions get separate invoices for late usage.
    subscriptions.end_finished(at=at, clock_id=clock_id)
    _raise_on_failure(closing.bill_late_usage(at=at, clock_id=clock_id))


def _raise_on_failure(closed: CloseSummary) -> None:
    if closed.failed:
        failure = closed.failed[0]
        raise DueWorkFailed(f"Period {failure.period_id} can't be closed: {failure.error}")
    if closed.busy:
        raise DueWorkBusy


def _expire_lots(*, at: datetime, clock_id: int) -> None:
    if failed := expire_due(at=at, clock_id=clock_id).failed:
        raise DueWorkFailed(f"{failed} wallets could not be processed; see the log.")


def _tax_voucher_usage(*, at: datetime, clock_id: int) -> None:
    if failed := tax_voucher_usage(at=at, clock_id=clock_id).failed:
        raise DueWorkFailed(f"{failed} wallets could not be taxed; see the log.")


WORK_BY_TASK: dict[str, Work] = {
    "billing.generate_periods": _generate_periods,
    "billing.run_rollouts": _change_plans,
    "billing.grant_included_credits": grant_due,
    "billing.lapse_reservations": lapse_due,
    "billing.close_due_periods": _close_periods,
    "billing.bill_thresholds": closing.bill_reached_thresholds,
    "billing.tax_voucher_usage": _tax_voucher_usage,
    "wallets.expire_lots": _expire_lots,
    "wallets.pay_invoices": pay_invoices,
    "invoices.mark_past_due": mark_overdue,
    "invoices.run_dunning": run_dunning,
    "billing.apply_dunning_actions": dunning.apply_dunning_actions,
    "invoices.collect_payments": attempts.collect_due_payments,
    "invoices.submit_refunds": submit_due_refunds,
    "wallets.settle_purchases": settle_purchases,
    "wallets.top_up_wallets": run_topups,
    "billing.evaluate_alerts": evaluate_alerts,
}
"""
Scheduled task → the same work for the customers of a clock, in the order in which it runs. Later work builds on
earlier work.
"""

REAL_TIME_TASKS = {
    "billing.advance_clocks": "advances test clocks itself",
    "billing.accrue_revenue": "customers in the sandbox are in no books",
    "billing.queue_sync_records": "no customer of the sandbox is sent to another system",
    "billing.start_data_drops": "no customer of the sandbox is in a drop",
    "billing.send_sync_records": "no customer of the sandbox is sent to another system",
    "billing.clear_old_jobs": "retention applies in real time",
    "billing.apply_retention": "retention applies in real time",
    "billing.remove_old_events": "one run removes events of all customers, each by its own time",
    "billing.run_jobs": "staff start jobs in real time; a job's work on a customer uses the customer's time",
    "invoices.match_bank_lines": "bank accounts receive money for live invoices only",
    "access.mail_approvals": "staff approve in real time",
    "access.expire_approvals": "staff approve in real time",
    "access.log_audit_head": "changes are recorded in real time",
    "access.seal_audit_log": "changes are recorded in real time",
    "platform.send_audit_log": "the same",
    "access.purge_old_rows": "retention applies in real time",
    "access.remove_old_history": "retention applies in real time",
    "customers.purge_idempotency_keys": "retention applies in real time",
    "customers.purge_notifications": "retention applies in real time",
    "customers.purge_portal_links": "retention applies in real time",
    "customers.mail_portal_links": "requests for it are made in real time",
    "customers.dispatch_notifications": "deliveries are sent in real time",
    "invoices.process_provider_events": "the provider's events happen in real time",
    "invoices.render_due": "files are generated when a worker is free",
    "plans.publish_due_versions": "versions are published for all customers, in real time",
}
"""Scheduled task → why a test clock doesn't run it."""


def do_due_work(clock_id: int, at: datetime, *, is_due: bool) -> None:
    """
    Do all work that is due at a clock's time, in the caller's transaction.

    is_due: whether the clock is here because something is due, and not only because somebody chose this time. Spikes
        are measured then only: they change with time alone, and must not depend on where a clock stops.

    :raises DueWorkFailed: if some of the work fails; the rest is done.
    :raises DueWorkBusy: if another worker holds a lock on it.
    """
    failures = []
    for task, work in WORK_BY_TASK.items():
        options = {} if is_due or task != "billing.evaluate_alerts" else {"measures_time": False}
        try:
            work(at=at, clock_id=clock_id, **options)
        # The other work is still done: in real time, too, one task doesn't depend on the success of another.
        except DueWorkFailed as error:
            failures.append(str(error))
    if failures:
        raise DueWorkFailed(" ".join(failures))
