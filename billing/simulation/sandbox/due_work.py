"""
What time does to customers, done for those of a test clock: by the functions that the tasks of real time call.

Every task of config/schedule.py is either here, or among those that concern no customer's time, with the reason.
"""

from collections.abc import Callable
from datetime import datetime

from billing import closing, subscriptions
from billing.closing import dunning
from billing.closing.result import Closed
from billing.limits.alerts.evaluation import sweep as look_after
from billing.limits.reservations import lapse_due
from billing.subscriptions.periods.generation import AHEAD
from billing.subscriptions.plan_changes.due_changes import move_due
from billing.subscriptions.plan_changes.mid_period_split import split_due
from billing.subscriptions.terms.credit_grants import grant_due
from invoices.documents.past_due import mark_overdue
from invoices.payments import attempts
from invoices.payments.dunning.dunning_run import dun
from invoices.payments.refunds.refund import sweep as send_refunds
from wallets.auto_topup import sweep as top_up
from wallets.ledger.expiry_job import sweep as sweep_wallets
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import settle_purchases

Work = Callable[[int, datetime], None]


class NotDone(Exception):
    """Something that was due could not be done; the text says what and why."""


class Busy(Exception):
    """Somebody else holds what is due, for a moment."""


def _go_on(clock: int, at: datetime) -> None:
    subscriptions.leave_trials(at=at, clock=clock)
    subscriptions.follow_pauses(at=at, clock=clock)
    subscriptions.extend_periods(until=at + AHEAD, clock=clock)


def _grant(clock: int, at: datetime) -> None:
    grant_due(at=at, clock=clock)


def _move(clock: int, at: datetime) -> None:
    split_due(at=at, clock=clock)
    move_due(at=at, clock=clock)


def _lapse(clock: int, at: datetime) -> None:
    lapse_due(at=at, clock=clock)


def _close(clock: int, at: datetime) -> None:
    _judge(closing.close_due(at=at, clock=clock))
    subscriptions.end_finished(at=at, clock=clock)
    _judge(closing.close_late(at=at, clock=clock))


def _bill_progress(clock: int, at: datetime) -> None:
    closing.bill_progress(at=at, clock=clock)


def _judge(closed: Closed) -> None:
    if closed.failed:
        failure = closed.failed[0]
        raise NotDone(f"Period {failure.period_id} cannot be closed: {failure.error}")
    if closed.busy:
        raise Busy


def _sweep_wallets(clock: int, at: datetime) -> None:
    if failed := sweep_wallets(at=at, clock=clock).failed:
        raise NotDone(f"What is due in {failed} wallets cannot be done; the log says why.")


def _pay(clock: int, at: datetime) -> None:
    pay_invoices(at=at, clock=clock)


def _charge(clock: int, at: datetime) -> None:
    attempts.sweep(at=at, clock=clock)


def _dun(clock: int, at: datetime) -> None:
    dun(at=at, clock=clock)


def _follow_dunning(clock: int, at: datetime) -> None:
    dunning.follow(at=at, clock=clock)


def _refund(clock: int, at: datetime) -> None:
    send_refunds(at=at, clock=clock)


def _fall_due(clock: int, at: datetime) -> None:
    mark_overdue(at=at, clock=clock)


def _settle(clock: int, at: datetime) -> None:
    settle_purchases(at=at, clock=clock)


def _top_up(clock: int, at: datetime) -> None:
    top_up(at=at, clock=clock)


def _look_after(clock: int, at: datetime) -> None:
    look_after(at=at, clock=clock)


IN_ORDER: dict[str, Work] = {
    "billing.tasks.extend_periods": _go_on,
    "billing.tasks.roll_out": _move,
    "billing.tasks.grant_included_credits": _grant,
    "billing.tasks.lapse_reservations": _lapse,
    "billing.tasks.close_due_periods": _close,
    "billing.tasks.bill_progress": _bill_progress,
    "wallets.tasks.sweep_wallets": _sweep_wallets,
    "wallets.tasks.pay_invoices": _pay,
    "invoices.tasks.mark_overdue": _fall_due,
    "invoices.tasks.take_dunning_steps": _dun,
    "billing.tasks.follow_dunning": _follow_dunning,
    "invoices.tasks.charge_customers": _charge,
    "invoices.tasks.send_refunds": _refund,
    "wallets.tasks.settle_purchases": _settle,
    "wallets.tasks.top_up_wallets": _top_up,
    "billing.tasks.evaluate_alerts": _look_after,
}
"""Scheduled task → what it does, for the customers of a clock; what one brings about, those after it go on with."""

OF_NO_CUSTOMER = {
    "billing.tasks.advance_clocks": "it does all of this",
    "billing.tasks.forget_old_jobs": "how long things are kept is a matter of real time",
    "billing.tasks.let_go_of_personal_data": "how long things are kept is a matter of real time",
    "billing.tasks.work_on_jobs": "staff starts jobs, in real time; what one does to a customer asks for their time",
    "customers.tasks.forget_old_answers": "how long things are kept is a matter of real time",
    "customers.tasks.forget_old_notices": "how long things are kept is a matter of real time",
    "customers.tasks.forget_old_portal_links": "how long things are kept is a matter of real time",
    "customers.tasks.mail_portal_links": "those who ask for one wait in real time",
    "customers.tasks.tell": "those who are told live in real time",
    "invoices.tasks.follow_provider_events": "what has happened at a provider has happened in real time",
    "invoices.tasks.render_due": "files are made when somebody has the time",
    "plans.tasks.publish_due": "a version is published for everybody, in real time",
}
"""Scheduled task → why a test clock does not do it."""


def do_what_is_due(clock: int, at: datetime) -> None:
    """
    Do all that is due at a clock's time, in the caller's transaction.

    :raises NotDone: if something of it cannot be done; all else is.
    :raises Busy: if somebody else holds it now.
    """
    failures = []
    for work in IN_ORDER.values():
        try:
            work(clock, at)
        except NotDone as error:
            failures.append(str(error))
    if failures:
        raise NotDone(" ".join(failures))
