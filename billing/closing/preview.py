"""The document that closing would issue, without issuing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.closing.batch import ClosedChunk, assemble_invoices, drop_waiting_periods, is_issued
from billing.closing.commitments.contract_state import attach_commitments
from billing.closing.consolidation.consolidated_invoices import drop_incomplete_groups, group_periods, merge_groups
from billing.closing.credit_notes import build_credit_notes
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.lines.coupon_discounts import attach_coupons
from billing.closing.lines.quantity_lines import attach_billed_fees, fees_billed_for_next_period
from billing.closing.period_locks import read_late_period_ids as late_periods
from billing.closing.period_reader import (
    attach_billed_amounts,
    read_counters,
    read_late_periods,
    read_periods_to_close,
)
from billing.closing.records import AssembledInvoice, PeriodToClose
from billing.closing.result import CloseFailure
from billing.metering.rating_inputs.aggregate_quantities import read_states
from billing.metering.rating_inputs.multi_period_windows import read_window_runs
from billing.metering.rating_inputs.period_counters import RatingPeriod, with_metered, with_window_runs
from billing.models import Period, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.subscriptions.lifecycle.cancellation import UnusedTimeSettlement, cancel
from billing.subscriptions.lifecycle.pauses import pause
from billing.subscriptions.lifecycle.trials import end_trial
from billing.subscriptions.periods.generation import next_period
from billing.subscriptions.plan_changes.mid_period_split import split_period
from billing.subscriptions.plan_changes.plan_change import change_plan
from billing.subscriptions.plan_changes.schedule import schedule_change
from invoices.documents.drafts import Draft
from invoices.documents.seller_terms import read_sellers
from plans.models import PlanVersion


class NothingToBill(Exception):
    """There is no open period to show a document of."""


def preview(*, at: datetime, period: Period | None = None, subscription: Subscription | None = None) -> Draft:
    """
    Return the document of an open period as it would be issued now, unsaved: through the very code that closes it.
    Its `credit_notes` are those that would go out with it.

    period: any open one; or subscription: its running period, else its next open one.

    :raises NothingToBill: if the period is closed, or the subscription has none open.
    """
    if period is None:
        if subscription is None:
            raise TypeError("preview() needs a period or a subscription")
        period = _period_to_preview(subscription, at)
    if period is None or period.state != PeriodState.OPEN:
        raise NothingToBill("It has no open period: all of it is billed already.")
    _, assembled = _assemble(period, at)
    assembled.draft.credit_notes = [one.draft for one in build_credit_notes({period.pk: assembled}, lock=False)]
    return assembled.draft


def _assemble(period: Period, at: datetime) -> tuple[PeriodToClose, AssembledInvoice]:
    """Return an open period and its document; one before it that claims in advance of it is made up first."""
    closing = read_periods_to_close([period.pk])[period.pk]
    late = {}
    if not _has_earlier_open_period(period):
        late = read_late_periods(late_periods([closing.subscription_id]))
    counters = read_counters([period.pk]).get(period.pk, {})
    closing.counters = with_metered(counters, closing.span, read_states([closing.span]), at=at)
    closing.span = with_window_runs(closing.span, read_window_runs([closing.span]))
    closing.late_periods = late.get(closing.subscription_id, ())
    closing.next_period = closing.next_period or _upcoming_period(closing)
    attach_billed_amounts({period.pk: closing})
    attach_commitments([closing])
    attach_coupons({period.pk: closing})
    attach_billed_fees({period.pk: closing})
    if closing.blocking_period_id is not None:
        before, made = _assemble(Period.objects.get(pk=closing.blocking_period_id), at)
        closing.billed_fees = fees_billed_for_next_period(before, made.draft)
    seller = read_sellers([closing.buyer.seller_id])[closing.buyer.seller_id]
    return closing, assemble_invoice(closing, seller)


@dataclass(frozen=True, slots=True)
class PreviewedInvoices:
    """
    What closing these periods would come to: period → its document, None where nothing is due.

    notes: the credit notes that would go out with them. failed: those that could not be billed, and why. Periods that
    wait for another one's document are in none of these.
    """

    drafts: dict[int, Draft | None]
    notes: list[Draft]
    failed: list[CloseFailure]


def preview_periods(period_ids: Sequence[int], *, at: datetime | None = None) -> PreviewedInvoices:
    """
    Return what closing these open periods at one go would come to, in a fixed number of reads.

    at: when, so that those of them that go on one document share it; without it each has its own.
    """
    closings, chunk = read_periods_to_close(period_ids), ClosedChunk()
    closings = {id_: closings[id_] for id_ in period_ids if id_ in closings}
    groups = {} if at is None else group_periods(closings.values())
    drop_waiting_periods(closings)
    for one in closings.values():
        one.next_period = one.next_period or _upcoming_period(one)
    sellers = read_sellers({one.buyer.seller_id for one in closings.values()})
    assembled = assemble_invoices(closings, _read_late_period_ids(closings), sellers, chunk)
    if at is not None and groups:
        drop_incomplete_groups(assembled, closings, groups, chunk.summary, at=at)
        merge_groups(assembled, groups)
    notes = [one.draft for one in build_credit_notes(assembled, lock=False)]
    drafts = {
        id_: one.draft if is_issued(one, sellers[one.draft.seller_id]) else None for id_, one in assembled.items()
    }
    return PreviewedInvoices(drafts, notes, chunk.summary.failed)


def _read_late_period_ids(closings: dict[int, PeriodToClose]) -> dict[int, list[int]]:
    """Return subscription → its late periods, where the first of its open periods is among these."""
    subscriptions = {one.subscription_id for one in closings.values() if one.kind == PeriodKind.REGULAR}
    late = late_periods(list(subscriptions))
    if not late:
        return {}
    is_open = Period.objects.filter(subscription__in=late, kind=PeriodKind.REGULAR, state=PeriodState.OPEN)
    first = dict(
        is_open.order_by("subscription", "starts_at").distinct("subscription").values_list("subscription", "pk")
    )
    return {id_: periods for id_, periods in late.items() if first.get(id_) in closings}


def preview_change(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    at_period_end: bool = False,
) -> Draft:
    """
    Return the document of what a plan change would end: made by the change itself, which is undone.

    moment: to come; now when absent, unless it is to be at the end of the period.

    :raises SubscriptionRefused: if the subscription cannot change like this; see `change_plan`, `schedule_change`.
    """
    with transaction.atomic():
        if moment is None and not at_period_end:
            found = preview_ended_part(change_plan(subscription=subscription, version=version, at=at), at=at)
        else:
            move = schedule_change(subscription=subscription, version=version, at=at, moment=moment)
            if subscription.periods.filter(starts_at__lt=move.moment, ends_at__gt=move.moment).exists():
                split_period(move, at=at)
            found = preview(at=at, subscription=subscription)
        transaction.set_rollback(True)
    return found


def preview_ended_part(part: Period, *, at: datetime) -> Draft:
    """Return the document of what a plan change has ended, where `part` begins."""
    of_one = Period.objects.filter(subscription=part.subscription_id, kind=PeriodKind.REGULAR)
    return preview(period=of_one.get(ends_at=part.starts_at), at=at)


def preview_cancellation(
    *,
    subscription: Subscription,
    at: datetime,
    ends_at: datetime | None = None,
    give_back: UnusedTimeSettlement = "none",
) -> Draft:
    """
    Return the last document of a subscription that would be canceled like this: made by canceling it, undone again.

    :raises CancellationRefused: if it cannot be canceled like this; see `cancel`.
    :raises NothingToBill: if nothing of it is left to bill.
    """
    with transaction.atomic():
        ended = cancel(subscription=subscription, at=at, ends_at=ends_at, give_back=give_back)
        last = ended.periods.filter(state=PeriodState.OPEN).order_by("-ends_at", "-kind").first()
        if last is None:
            transaction.set_rollback(True)
            raise NothingToBill("All of it is billed already.")
        found = preview(period=last, at=at)
        transaction.set_rollback(True)
    return found


def preview_pause(*, subscription: Subscription, at: datetime, **asked: Any) -> Draft:
    """
    Return the document of the period that a pause would end: made by pausing, which is undone. asked: as of `pause`.

    :raises PauseRefused: if it cannot be paused like this; see `pause`.
    :raises NothingToBill: if that period is not made yet.
    """
    with transaction.atomic():
        made = pause(subscription=subscription, at=at, **asked)
        before = subscription.periods.filter(ends_at=made.starts_at, kind=PeriodKind.REGULAR).first()
        found = preview(period=before, at=at) if before is not None else None
        transaction.set_rollback(True)
    if found is None:
        raise NothingToBill("The period that it begins in is not made yet: nothing of it is paid.")
    return found


def preview_trial_end(*, subscription: Subscription, at: datetime) -> Draft:
    """
    Return the document of a trial that would end now: made by ending it, which is undone.

    :raises TrialRefused: if it cannot end now; see `end_trial`.
    """
    with transaction.atomic():
        found = preview(period=end_trial(subscription=subscription, at=at), at=at)
        transaction.set_rollback(True)
    return found


def _period_to_preview(subscription: Subscription, at: datetime) -> Period | None:
    periods = Period.objects.filter(subscription=subscription, state=PeriodState.OPEN)
    running = periods.containing(at).first()
    return running or periods.order_by("starts_at", "kind").first()


def _has_earlier_open_period(period: Period) -> bool:
    """Tell whether another regular period is closed before this one, which then takes what is late."""
    others = Period.objects.filter(
        subscription=period.subscription_id, kind=PeriodKind.REGULAR, state=PeriodState.OPEN
    )
    return period.kind != PeriodKind.REGULAR or others.filter(starts_at__lt=period.starts_at).exists()


def _upcoming_period(closing: PeriodToClose) -> RatingPeriod | None:
    """Return the period that closing would find or make after a regular one."""
    if closing.kind != PeriodKind.REGULAR or not closing.subscription_continues:
        return None
    found = next_period(subscription_id=closing.subscription_id, after=closing.span.ends_at)
    if found is None:
        return None
    version_id, (starts_at, ends_at), anchor_at = found
    own = closing.span
    return RatingPeriod(0, version_id, own.currency, starts_at, ends_at, anchor_at, own.time_zone)
