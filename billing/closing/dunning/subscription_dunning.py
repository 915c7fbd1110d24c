"""
Pause or cancel the subscriptions of an unpaid invoice, and resume them once it is paid.

Invoices know nothing of subscriptions: a dunning step records the requested action in its row, which this module
carries out once.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from billing.models import DunnedSubscription, Period, Subscription
from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.lifecycle.cancellation import CancellationRefused, cancel
from billing.subscriptions.lifecycle.pauses import PauseRefused, pause, resume
from customers.customer_time import clock_filter
from invoices.models import DunningAct, Invoice
from invoices.models.dunning import DunningAction
from invoices.models.invoices import InvoiceState
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

# Steps or resumptions per run, each a transaction of its own; the rest stays due.
BATCH_SIZE = 200
REASON = "{invoice} is not paid"
NOTHING_RUNNING = "No active subscription to pause or cancel"


def apply_dunning_actions(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Carry out the pauses and cancellations that dunning requests, and resume subscriptions whose customers have paid;
    return the number of subscriptions changed.
    """
    done = sum(_apply_action(act_id, at) for act_id in deadline.limit(_pending_action_ids(clock_id)))
    return done + sum(_resume(dunned_id, at) for dunned_id in deadline.limit(_resumable_ids(clock_id)))


def _pending_action_ids(clock_id: int | None) -> list[int]:
    carried_out = DunnedSubscription.objects.filter(act=OuterRef("pk"))
    requested = DunningAct.objects.filter(
        clock_filter(clock_id, "invoice__customer"),
        ~Exists(carried_out),
        action__in=[DunningAction.PAUSE, DunningAction.CANCEL],
    )
    return list(requested.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])


@transaction.atomic
def _apply_action(act_id: int, at: datetime) -> int:
    # A second worker leaves the action to the one that carries it out; the check below makes it happen once.
    act = lock_free_row(DunningAct.objects.filter(pk=act_id))
    if act is None or DunnedSubscription.objects.filter(act=act).exists():
        return 0
    subscriptions = _affected_subscriptions(act.invoice)
    if not subscriptions:
        # Without a row the action would stay pending forever.
        DunnedSubscription.objects.create(act=act, outcome=NOTHING_RUNNING, at=at)
    for subscription in subscriptions:
        outcome = _pause_or_cancel(act, subscription, at)
        DunnedSubscription.objects.create(act=act, subscription=subscription, outcome=outcome[:300], at=at)
    return len(subscriptions)


def _affected_subscriptions(invoice: Invoice) -> list[Subscription]:
    """
    Return the active subscriptions that an invoice is for: those of its periods, or all of the customer if it has no
    periods.
    """
    periods = Period.objects.filter(Q(invoice=invoice) | Q(invoice__corrections=invoice))
    customer_subscriptions = Subscription.objects.filter(customer=invoice.customer_id, state__in=RUNNING_STATES)
    billed_subscriptions = customer_subscriptions.filter(pk__in=periods.values("subscription"))
    return list((billed_subscriptions if billed_subscriptions.exists() else customer_subscriptions).order_by("pk"))


def _pause_or_cancel(act: DunningAct, subscription: Subscription, at: datetime) -> str:
    try:
        # A savepoint: a refusal must not undo the record of the action.
        with transaction.atomic():
            if act.action == DunningAction.CANCEL:
                cancel(subscription=subscription, at=at, ends_at=at)
            else:
                pause(subscription=subscription, at=at, reason=REASON.format(invoice=act.invoice))
    except (PauseRefused, CancellationRefused) as error:
        return str(error)
    return ""


def _resumable_ids(clock_id: int | None) -> list[int]:
    # Any overdue invoice of the customer keeps the pause, not only the one that caused it.
    unpaid = Invoice.objects.filter(
        customer=OuterRef("subscription__customer"), state__in=[InvoiceState.OVERDUE, InvoiceState.UNCOLLECTIBLE]
    )
    paused = DunnedSubscription.objects.filter(
        clock_filter(clock_id, "subscription__customer"),
        ~Exists(unpaid),
        act__action=DunningAction.PAUSE,
        outcome="",
        resumed_at__isnull=True,
    )
    return list(paused.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])


@transaction.atomic
def _resume(dunned_id: int, at: datetime) -> int:
    paused = DunnedSubscription.objects.select_related("subscription").filter(resumed_at__isnull=True)
    dunned = lock_free_row(paused.filter(pk=dunned_id))
    if dunned is None:
        return 0
    assert dunned.subscription is not None  # noqa: S101  a constraint: without an outcome, there is one
    try:
        # A savepoint: a refusal must not undo the record of the resumption.
        with transaction.atomic():
            resume(subscription=dunned.subscription, at=at)
    except PauseRefused:
        pass  # it was resumed or ended in the meantime
    dunned.resumed_at = at
    dunned.save(update_fields=["resumed_at"])
    return 1
