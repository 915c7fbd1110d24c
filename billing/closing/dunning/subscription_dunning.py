"""
Pause or cancel what an unpaid invoice is for, and let it go on once it is paid.

Invoices know nothing of subscriptions: what a dunning step asks for stands in its row, and is followed here, once.
"""

from collections.abc import Callable
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

BATCH_SIZE = 200
REASON = "{invoice} is not paid"
NOTHING_RUNNING = "Nothing that it could be done to was running"


def apply_dunning_actions(
    *, at: datetime, clock_id: int | None = None, should_continue: Callable[[], bool] = lambda: True
) -> int:
    """Do what dunning asks of subscriptions, and resume those whose customers have paid; return how many."""
    done = 0
    for act_id in _pending_action_ids(clock_id):
        if not should_continue():
            return done
        done += _apply_action(act_id, at)
    for dunned_id in _resumable_ids(clock_id):
        if not should_continue():
            return done
        done += _resume(dunned_id, at)
    return done


def _pending_action_ids(clock: int | None) -> list[int]:
    followed = DunnedSubscription.objects.filter(act=OuterRef("pk"))
    asked = DunningAct.objects.filter(
        clock_filter(clock, "invoice__customer"),
        ~Exists(followed),
        action__in=[DunningAction.PAUSE, DunningAction.CANCEL],
    )
    return list(asked.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])


@transaction.atomic
def _apply_action(act_id: int, at: datetime) -> int:
    act = DunningAct.objects.select_for_update(skip_locked=True).filter(pk=act_id).first()
    if act is None or DunnedSubscription.objects.filter(act=act).exists():
        return 0
    found = _affected_subscriptions(act.invoice)
    if not found:
        DunnedSubscription.objects.create(act=act, outcome=NOTHING_RUNNING, at=at)
    for subscription in found:
        outcome = _pause_or_cancel(act, subscription, at)
        DunnedSubscription.objects.create(act=act, subscription=subscription, outcome=outcome[:300], at=at)
    return len(found)


def _affected_subscriptions(invoice: Invoice) -> list[Subscription]:
    """Return the running subscriptions that an invoice is for: those of its periods, or all where it is for none."""
    periods = Period.objects.filter(Q(invoice=invoice) | Q(invoice__corrections=invoice))
    own = Subscription.objects.filter(customer=invoice.customer_id, state__in=RUNNING_STATES)
    named = own.filter(pk__in=periods.values("subscription"))
    return list((named if named.exists() else own).order_by("pk"))


def _pause_or_cancel(act: DunningAct, subscription: Subscription, at: datetime) -> str:
    try:
        with transaction.atomic():
            if act.action == DunningAction.CANCEL:
                cancel(subscription=subscription, at=at, ends_at=at)
            else:
                pause(subscription=subscription, at=at, reason=REASON.format(invoice=act.invoice))
    except (PauseRefused, CancellationRefused) as error:
        return str(error)
    return ""


def _resumable_ids(clock: int | None) -> list[int]:
    unpaid = Invoice.objects.filter(
        customer=OuterRef("subscription__customer"), state__in=[InvoiceState.OVERDUE, InvoiceState.UNCOLLECTIBLE]
    )
    paused = DunnedSubscription.objects.filter(
        clock_filter(clock, "subscription__customer"),
        ~Exists(unpaid),
        act__action=DunningAction.PAUSE,
        outcome="",
        resumed_at__isnull=True,
    )
    return list(paused.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])


@transaction.atomic
def _resume(dunned_id: int, at: datetime) -> int:
    held = DunnedSubscription.objects.select_for_update(skip_locked=True, of=("self",))
    dunned = held.select_related("subscription").filter(pk=dunned_id, resumed_at__isnull=True).first()
    if dunned is None:
        return 0
    try:
        with transaction.atomic():
            resume(subscription=dunned.subscription, at=at)
    except PauseRefused:
        pass  # somebody has resumed or ended it
    dunned.resumed_at = at
    dunned.save(update_fields=["resumed_at"])
    return 1
