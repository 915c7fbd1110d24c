"""The invoice that closing would issue, without issuing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from billing.closing.batch import (
    ClosedChunk,
    assemble_invoices,
    drop_waiting_periods,
    is_issued,
    keep_complete_groups,
)
from billing.closing.close_result import CloseFailure
from billing.closing.consolidation.consolidated_invoices import group_periods, in_order_of_issue
from billing.closing.credit_notes import build_credit_notes
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.invoice_inputs import read_invoice_inputs
from billing.closing.lines.fee_histories import fees_billed_for_next_period
from billing.closing.period_locks import read_late_period_ids as late_periods
from billing.closing.period_reader import read_due_periods
from billing.closing.records import AssembledInvoice, DuePeriod, PeriodToClose
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.models import Period, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.subscriptions.lifecycle.cancellation import UnusedTimeSettlement, cancel
from billing.subscriptions.lifecycle.pauses import pause
from billing.subscriptions.lifecycle.trials import end_trial
from billing.subscriptions.periods.generation import next_period
from billing.subscriptions.plan_changes.mid_period_split import split_period
from billing.subscriptions.plan_changes.plan_change import BillingPeriodChoice, change_plan
from billing.subscriptions.plan_changes.schedule import schedule_change
from invoices.documents.drafts import Draft
from invoices.documents.seller_terms import read_sellers
from plans.models import PlanVersion


class NothingToBill(Exception):
    """There is no open period to preview an invoice for."""


def preview(*, at: datetime, period: Period | None = None, subscription: Subscription | None = None) -> Draft:
    """
    Return the invoice of an open period as it would be issued now, unsaved, by the same code that closes the period.
    Its `credit_notes` are those that would be issued with it.

    period: any open one; or subscription: its running period, or else its next open one.

    :raises NothingToBill: if the period is closed, or the subscription has no open one.
    """
    if period is None:
        if subscription is None:
            raise TypeError("preview() needs a period or a subscription")
        period = _period_to_preview(subscription, at)
    if period is None or period.state != PeriodState.OPEN:
        raise NothingToBill(_("There is no open period. Everything is billed."))
    _period, assembled = _assemble(period, at)
    assembled.draft.credit_notes = [
        credit_note.draft for credit_note in build_credit_notes({period.pk: assembled}, lock=False)
    ]
    return assembled.draft


def _assemble(period: Period, at: datetime) -> tuple[PeriodToClose, AssembledInvoice]:
    """
    Return an open period and its invoice. If the period before it bills fees in advance of it, that one is assembled
    first.
    """
    due = _with_upcoming_period(read_due_periods([period.pk])[period.pk])
    late_period_ids = {} if _has_earlier_open_period(period) else late_periods([due.subscription_id])
    inputs = read_invoice_inputs({period.pk: due}, late_period_ids)
    billed_fees = None
    if (blocking_period_id := inputs.fees_of(period.pk).blocking_period_id) is not None:
        previous, previous_invoice = _assemble(Period.objects.get(pk=blocking_period_id), at)
        billed_fees = fees_billed_for_next_period(previous, previous_invoice.draft)
        inputs.taken.add(previous_invoice.coupon_lines)
    closing = inputs.complete(due, at=at, billed_fees=billed_fees)
    seller = read_sellers([closing.buyer.seller_id])[closing.buyer.seller_id]
    return closing, assemble_invoice(closing, seller)


@dataclass(frozen=True, slots=True)
class PreviewedInvoices:
    """
    The result of previewing the close of several periods: period → its invoice, None if nothing is due.

    notes: credit notes that would be issued with them.
    failed: periods that could not be billed, and why.

    Periods that wait for another one's invoice are in none of these.
    """

    drafts: dict[int, Draft | None]
    notes: list[Draft]
    failed: list[CloseFailure]


def preview_periods(period_ids: Sequence[int], *, at: datetime | None = None) -> PreviewedInvoices:
    """
    Return the invoices that closing these open periods together would issue, in a fixed number of reads.

    at: the time of the close, so that consolidated invoices are merged; if None, each period has its own.
    """
    stored, chunk = read_due_periods(period_ids), ClosedChunk()
    due_periods = {id_: _with_upcoming_period(stored[id_]) for id_ in period_ids if id_ in stored}
    groups = {} if at is None else group_periods(due_periods.values())
    due_periods = in_order_of_issue(due_periods, groups)
    drop_waiting_periods(due_periods)
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    late_ids = _read_late_period_ids(due_periods)
    assembled = assemble_invoices(due_periods, late_ids, sellers, chunk)
    if at is not None and groups:
        assembled = keep_complete_groups(assembled, due_periods, late_ids, sellers, groups, chunk, at=at)
    notes = [note.draft for note in build_credit_notes(assembled, lock=False)]
    drafts = {
        id_: invoice.draft if is_issued(invoice, sellers[invoice.draft.seller_id]) else None
        for id_, invoice in assembled.items()
    }
    return PreviewedInvoices(drafts, notes, chunk.summary.failed)


def _read_late_period_ids(due_periods: Mapping[int, DuePeriod]) -> dict[int, list[int]]:
    """Return subscription → its late periods, where the first of its open periods is among these."""
    subscription_ids = {due.subscription_id for due in due_periods.values() if due.kind == PeriodKind.REGULAR}
    ids_by_subscription = late_periods(list(subscription_ids))
    if not ids_by_subscription:
        return {}
    open_periods = Period.objects.filter(
        subscription__in=ids_by_subscription, kind=PeriodKind.REGULAR, state=PeriodState.OPEN
    )
    first_period_ids = dict(
        open_periods.order_by("subscription", "starts_at").distinct("subscription").values_list("subscription", "pk")
    )
    return {
        id_: late_ids for id_, late_ids in ids_by_subscription.items() if first_period_ids.get(id_) in due_periods
    }


def preview_change(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    at_period_end: bool = False,
    billing_period: BillingPeriodChoice = "keep",
) -> Draft:
    """
    Return the invoice of the part that a plan change would end; the change is made and rolled back.

    moment: when it would happen, in the future; if None, now, unless `at_period_end`. billing_period: whether it is
        kept or restarted.

    :raises SubscriptionRefused: if the subscription cannot change like this; see `change_plan`, `schedule_change`.
    """
    with transaction.atomic():
        if moment is None and not at_period_end:
            part = change_plan(subscription=subscription, version=version, at=at, billing_period=billing_period)
            draft = preview_ended_part(part, at=at)
        else:
            scheduled = schedule_change(
                subscription=subscription, version=version, at=at, moment=moment, billing_period=billing_period
            )
            if subscription.periods.filter(starts_at__lt=scheduled.moment, ends_at__gt=scheduled.moment).exists():
                split_period(scheduled, at=at)
            draft = preview(at=at, subscription=subscription)
        transaction.set_rollback(True)
    return draft


def preview_ended_part(part: Period, *, at: datetime) -> Draft:
    """Return the invoice of the part that a plan change ended where `part` begins."""
    periods = Period.objects.filter(subscription=part.subscription_id, kind=PeriodKind.REGULAR)
    return preview(period=periods.get(ends_at=part.starts_at), at=at)


def preview_cancellation(
    *,
    subscription: Subscription,
    at: datetime,
    ends_at: datetime | None = None,
    give_back: UnusedTimeSettlement = "none",
) -> Draft:
    """
    Return the last invoice of a subscription if it were canceled; the cancellation is made and rolled back.

    :raises CancellationRefused: if it cannot be canceled like this; see `cancel`.
    :raises NothingToBill: if all of it is billed already.
    """
    with transaction.atomic():
        canceled = cancel(subscription=subscription, at=at, ends_at=ends_at, give_back=give_back)
        last = canceled.periods.filter(state=PeriodState.OPEN).order_by("-ends_at", "-kind").first()
        if last is None:
            transaction.set_rollback(True)
            raise NothingToBill(_("Everything is already billed."))
        draft = preview(period=last, at=at)
        transaction.set_rollback(True)
    return draft


def preview_pause(*, subscription: Subscription, at: datetime, **options: Any) -> Draft:
    """
    Return the invoice of the period that a pause would end; the pause is made and rolled back. options: as of
    `pause`.

    :raises PauseRefused: if it cannot be paused like this; see `pause`.
    :raises NothingToBill: if that period is not created yet.
    """
    with transaction.atomic():
        paused = pause(subscription=subscription, at=at, **options)
        ended_period = subscription.periods.filter(ends_at=paused.starts_at, kind=PeriodKind.REGULAR).first()
        draft = preview(period=ended_period, at=at) if ended_period is not None else None
        transaction.set_rollback(True)
    if draft is None:
        raise NothingToBill(_("The period does not exist yet, so nothing of it is prepaid."))
    return draft


def preview_trial_end(*, subscription: Subscription, at: datetime) -> Draft:
    """
    Return the invoice of a trial if it ended now; the end is made and rolled back.

    :raises TrialRefused: if it cannot end now; see `end_trial`.
    """
    with transaction.atomic():
        draft = preview(period=end_trial(subscription=subscription, at=at), at=at)
        transaction.set_rollback(True)
    return draft


def _period_to_preview(subscription: Subscription, at: datetime) -> Period | None:
    periods = Period.objects.filter(subscription=subscription, state=PeriodState.OPEN)
    running = periods.containing(at).first()
    return running or periods.order_by("starts_at", "kind").first()


def _has_earlier_open_period(period: Period) -> bool:
    """Return whether another regular period is closed before this one, which then bills the late usage."""
    others = Period.objects.filter(
        subscription=period.subscription_id, kind=PeriodKind.REGULAR, state=PeriodState.OPEN
    )
    return period.kind != PeriodKind.REGULAR or others.filter(starts_at__lt=period.starts_at).exists()


def _with_upcoming_period(due: DuePeriod) -> DuePeriod:
    """Return a period with the one that closing would create after it, if it has no next period yet."""
    if due.next_period is not None or due.kind != PeriodKind.REGULAR or not due.subscription_continues:
        return due
    upcoming = next_period(subscription_id=due.subscription_id, after=due.span.ends_at)
    if upcoming is None:
        return due
    version_id, (starts_at, ends_at), anchor_at = upcoming
    span = due.span
    # Id 0, because the period has no row yet.
    next_span = RatingPeriod(0, version_id, span.currency, starts_at, ends_at, anchor_at, span.time_zone)
    return msgspec.structs.replace(due, next_period=next_span)
