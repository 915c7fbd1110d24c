"""
Do the work that is due for the customers of a test clock, with the functions that the real-time tasks call.

Every task of config/schedule.py is either in WORK_BY_TASK, or in REAL_TIME_TASKS with the reason why a test clock
doesn't run it.
"""

from collections.abc import Callable
from datetime import datetime

from billing import closing, subscriptions
from billing.closing import dunning
from billing.closing.close_result import CloseSummary
from billing.limits.alerts.evaluation import evaluate_alerts as look_after
from billing.limits.reservations import lapse_due
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.terms.credit_grants import grant_due
from invoices.documents.past_due import mark_overdue
from invoices.payments import attempts
from invoices.payments.dunning.dunning_run import run_dunning
from invoices.payments.refunds.refund import submit_due_refunds as send_refunds
from wallets.auto_topup import run_topups as top_up
from wallets.ledger.expiry_job import expire_due as sweep_wallets
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import settle_purchases

Work = Callable[[int, datetime], None]


class DueWorkFailed(Exception):
    """Some due work failed; the text says which work and why."""


class DueWorkBusy(Exception):
    """Another worker holds a lock on the due work for the moment."""


def _generate_periods(clock: int, at: datetime) -> None:
    subscriptions.complete_trials(at=at, clock_id=clock)
    subscriptions.apply_due_pauses(at=at, clock_id=clock)
    subscriptions.generate_periods(until=at + PERIOD_LEAD_TIME, clock_id=clock)


def _grant_credits(clock: int, at: datetime) -> None:
    grant_due(at=at, clock_id=clock)


def _change_plans(clock: int, at: datetime) -> None:
    split_due_periods(at=at, clock_id=clock)
    apply_due_changes(at=at, clock_id=clock)


def _lapse_reservations(clock: int, at: datetime) -> None:
    lapse_due(at=at, clock_id=clock)


def _close_periods(clock: int, at: datetime) -> None:
    _raise_on_failure(closing.close_due(at=at, clock_id=clock))
    # After the close, which bills the last period; only ended subscriptions get separate invoices for late usage.
    subscriptions.end_finished(at=at, clock_id=clock)
    _raise_on_failure(closing.bill_late_usage(at=at, clock_id=clock))


def _bill_progress(clock: int, at: datetime) -> None:
    closing.bill_reached_thresholds(at=at, clock_id=clock)


def _raise_on_failure(closed: CloseSummary) -> None:
    if closed.failed:
        failure = closed.failed[0]
        raise DueWorkFailed(f"Period {failure.period_id} cannot be closed: {failure.error}")
    if closed.busy:
        raise DueWorkBusy


def _expire_lots(clock: int, at: datetime) -> None:
    if failed := sweep_wallets(at=at, clock_id=clock).failed:
        raise DueWorkFailed(f"What is due in {failed} wallets cannot be done; the log says why.")


def _pay_invoices(clock: int, at: datetime) -> None:
    pay_invoices(at=at, clock_id=clock)


def _charge_customers(clock: int, at: datetime) -> None:
    attempts.collect_due_payments(at=at, clock=clock)


def _take_dunning_steps(clock: int, at: datetime) -> None:
    run_dunning(at=at, clock=clock)


def _follow_dunning(clock: int, at: datetime) -> None:
    dunning.apply_dunning_actions(at=at, clock_id=clock)


def _send_refunds(clock: int, at: datetime) -> None:
    send_refunds(at=at, clock=clock)


def _mark_past_due(clock: int, at: datetime) -> None:
    mark_overdue(at=at, clock=clock)


def _settle_purchases(clock: int, at: datetime) -> None:
    settle_purchases(at=at, clock_id=clock)


def _top_up_wallets(clock: int, at: datetime) -> None:
    top_up(at=at, clock_id=clock)


def _evaluate_alerts(clock: int, at: datetime) -> None:
    look_after(at=at, clock_id=clock)


WORK_BY_TASK: dict[str, Work] = {
    "billing.generate_periods": _generate_periods,
    "billing.run_rollouts": _change_plans,
    "billing.grant_included_credits": _grant_credits,
    "billing.lapse_reservations": _lapse_reservations,
    "billing.close_due_periods": _close_periods,
    "billing.bill_thresholds": _bill_progress,
    "wallets.expire_lots": _expire_lots,
    "wallets.pay_invoices": _pay_invoices,
    "invoices.mark_past_due": _mark_past_due,
    "invoices.run_dunning": _take_dunning_steps,
    "billing.apply_dunning_actions": _follow_dunning,
    "invoices.collect_payments": _charge_customers,
    "invoices.submit_refunds": _send_refunds,
    "wallets.settle_purchases": _settle_purchases,
    "wallets.top_up_wallets": _top_up_wallets,
    "billing.evaluate_alerts": _evaluate_alerts,
}
"""
Scheduled task → the same work for the customers of a clock, in the order in which it runs. Later work builds on
earlier work.
"""

REAL_TIME_TASKS = {
    "billing.advance_clocks": "it does all of this",
    "billing.clear_old_jobs": "how long things are kept is a matter of real time",
    "billing.apply_retention": "how long things are kept is a matter of real time",
    "billing.run_jobs": "staff starts jobs, in real time; what one does to a customer asks for their time",
    "customers.purge_idempotency_keys": "how long things are kept is a matter of real time",
    "customers.purge_notifications": "how long things are kept is a matter of real time",
    "customers.purge_portal_links": "how long things are kept is a matter of real time",
    "customers.mail_portal_links": "those who ask for one wait in real time",
    "customers.dispatch_notifications": "those who are told live in real time",
    "invoices.process_provider_events": "what has happened at a provider has happened in real time",
    "invoices.render_due": "files are made when somebody has the time",
    "plans.publish_due_versions": "a version is published for everybody, in real time",
}
"""Scheduled task → why a test clock doesn't run it."""


def do_due_work(clock: int, at: datetime) -> None:
    """
    Do all work that is due at a clock's time, in the caller's transaction.

    :raises DueWorkFailed: if some of the work fails; the rest is done.
    :raises DueWorkBusy: if another worker holds a lock on it.
    """
    failures = []
    for work in WORK_BY_TASK.values():
        try:
            work(clock, at)
        # The other work is still done: in real time, too, one task doesn't depend on the success of another.
        except DueWorkFailed as error:
            failures.append(str(error))
    if failures:
        raise DueWorkFailed(" ".join(failures))
