"""
The earnings of open periods by a time, from the same assembly as their next invoices.

A period that the time cuts is assembled with its usage until then. That usage is not final, so no minimum, true-up or
surcharge is due. A period that is over is assembled as it would be closed now.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

import msgspec

from billing.closing.batch import describe_error
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.invoice_inputs import InvoiceInputs, read_invoice_inputs
from billing.closing.lines.fee_histories import fees_billed_for_next_period
from billing.closing.period_reader import read_billed_amounts, read_due_periods
from billing.closing.records import AssembledInvoice, BilledAmounts, DuePeriod, PeriodToClose
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.metering.rating_inputs.rating_period import BillablePeriod, Counters, RatingPeriod
from billing.models import Period
from billing.revenue.accruals.earned_amounts import EarnedAmounts
from billing.revenue.accruals.line_schedules import (
    FeeRecognition,
    before_tax,
    earned_share,
    net_before_tax,
    read_fee_recognitions,
)
from billing.simulation.candidate.carryover import tier_progress
from billing.simulation.usage_sources.earlier_usage import count_until
from billing.subscriptions.periods.generation import next_periods
from invoices.documents.seller_terms import SellerTerms, read_sellers
from plans.catalog.stored_terms import load_terms

_TICK = datetime.resolution


def rate_open_periods(
    period_ids: Sequence[int], *, until: datetime, at: datetime
) -> tuple[dict[int, EarnedAmounts], dict[int, str]]:
    """
    Return the earnings of open periods by `until`, which is `at` or earlier, and of each that can't be rated why.

    A fixed number of statements, unless events must be read again.
    """
    if not period_ids:
        return {}, {}
    due_periods, inputs, previous_ids = _read_inputs(period_ids)
    cut_ids = {
        id_
        for id_, due in due_periods.items()
        if due.kind == "regular" and due.span.starts_at < until < due.span.ends_at
    }
    partial = _read_partial_usage(due_periods, cut_ids, until=until) if until < at else NO_PARTIAL_USAGE
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    assembled: dict[int, tuple[PeriodToClose, AssembledInvoice]] = {}
    errors = {}
    for id_, due in sorted(due_periods.items(), key=lambda item: (item[1].span.ends_at, item[0])):
        try:
            closing = _complete(due, inputs, assembled.get(previous_ids.get(id_, 0)), partial, at=at)
            if id_ in cut_ids:
                closing = _not_final(closing)
            invoice = assemble_invoice(closing, sellers[closing.buyer.seller_id])
            inputs.taken.add(invoice.coupon_lines)
            assembled[id_] = closing, invoice
        # Any error: one period that can't be rated must not stop the others.
        except Exception as error:
            errors[id_] = describe_error(error)
    fees = read_fee_recognitions(
        line.fee_id
        for _, invoice in assembled.values()
        for line in (*invoice.draft.lines, *(line for _, line in invoice.fee_reductions.values()))
        if line.fee_id is not None
    )
    earned = {
        id_: _earned_by(
            assembled[id_][1], sellers[due_periods[id_].buyer.seller_id], fees, until, is_cut=id_ in cut_ids
        )
        for id_ in period_ids
        if id_ in assembled
    }
    return earned, {id_: errors[id_] for id_ in period_ids if id_ in errors}


@dataclass(frozen=True, slots=True)
class _PartialUsage:
    """Usage of periods that a time cuts, until then, and the amounts that invoices issued by then have billed."""

    usage: Mapping[int, BillablePeriod]
    billed: Mapping[int, BilledAmounts]


NO_PARTIAL_USAGE = _PartialUsage({}, {})


def _read_partial_usage(
    due_periods: Mapping[int, DuePeriod], cut_ids: AbstractSet[int], *, until: datetime
) -> _PartialUsage:
    partly_billed = [id_ for id_ in cut_ids if due_periods[id_].is_partly_billed]
    return _PartialUsage(
        count_until({id_: due_periods[id_] for id_ in cut_ids}, until=until),
        read_billed_amounts(partly_billed, until=until),
    )


def _read_inputs(period_ids: Sequence[int]) -> tuple[dict[int, DuePeriod], InvoiceInputs, dict[int, int]]:
    """
    Return periods, the inputs of their invoices, and period → the open one whose invoice it depends on, which is read
    along with them.
    """
    due_periods = _with_upcoming_periods(read_due_periods(period_ids))
    while True:
        inputs = read_invoice_inputs(due_periods, {})
        previous_ids = _continued_ids(due_periods)
        for id_ in due_periods:
            if (blocking_id := inputs.fees_of(id_).blocking_period_id) is not None:
                previous_ids[id_] = blocking_id
        missing = set(previous_ids.values()) - due_periods.keys()
        if not missing:
            return due_periods, inputs, previous_ids
        due_periods |= _with_upcoming_periods(read_due_periods(sorted(missing)))


def _continued_ids(due_periods: Mapping[int, DuePeriod]) -> dict[int, int]:
    """Return period → the open period that it continues after a plan change."""
    continuing = [id_ for id_, due in due_periods.items() if due.span.continued == NOT_BILLED_YET]
    if not continuing:
        return {}
    periods = Period.objects.filter(pk__in=continuing).only("continues")
    return {period.pk: period.continues_id for period in periods if period.continues_id is not None}


def _with_upcoming_periods(due_periods: dict[int, DuePeriod]) -> dict[int, DuePeriod]:
    """Return the periods, each of the last ones with the period that its close would create after it."""
    last = [
        due
        for due in due_periods.values()
        if due.next_period is None and due.kind == "regular" and due.subscription_continues
    ]
    if not last:
        return due_periods
    upcoming = next_periods(
        subscription_ids=[due.subscription_id for due in last],
        until=max(due.span.ends_at for due in last) + _TICK,
    )
    with_next = dict(due_periods)
    for due in last:
        following = upcoming.get(due.subscription_id)
        if following is not None and following.interval.start == due.span.ends_at:
            span, (starts_at, ends_at) = due.span, following.interval
            # Id 0, because the period has no row yet.
            next_span = RatingPeriod(
                0, following.version_id, span.currency, starts_at, ends_at, following.anchor_at, span.time_zone
            )
            with_next[span.period_id] = msgspec.structs.replace(due, next_period=next_span)
    return with_next


def _complete(
    due: DuePeriod,
    inputs: InvoiceInputs,
    previous: tuple[PeriodToClose, AssembledInvoice] | None,
    partial: _PartialUsage,
    *,
    at: datetime,
) -> PeriodToClose:
    """Return a period with the inputs of its invoice. previous: the open one that it depends on, assembled."""
    id_ = due.span.period_id
    billed_fees = None if previous is None else fees_billed_for_next_period(previous[0], previous[1].draft)
    closing = inputs.complete(due, at=at, billed_fees=billed_fees, usage=partial.usage.get(id_))
    if id_ in partial.usage:
        closing = msgspec.structs.replace(closing, billed_amounts=partial.billed.get(id_, {}))
    if closing.span.continued == NOT_BILLED_YET and previous is not None:
        span = msgspec.structs.replace(closing.span, continued=tier_progress(*previous))
        closing = msgspec.structs.replace(closing, span=span)
    return closing


def _not_final(closing: PeriodToClose) -> PeriodToClose:
    """Return a period whose usage goes on: it settles no commitment, and invoices no usage that wallets pay."""
    return msgspec.structs.replace(
        closing, counters=without_prepaid(closing.span, closing.counters), commitments={}, is_final=False
    )


def without_prepaid(span: RatingPeriod, counters: Counters) -> Counters:
    """Return the counters without those of usage that wallets pay."""
    features = load_terms(span.version_id, span.currency).by_plan_feature
    return {
        window: counted
        for window, counted in counters.items()
        if (feature := features.get(window.plan_feature_id)) is None or not feature.wallet
    }


def _earned_by(
    invoice: AssembledInvoice,
    seller: SellerTerms,
    fees: Mapping[int, FeeRecognition],
    until: datetime,
    *,
    is_cut: bool,
) -> EarnedAmounts:
    """
    Return what the lines of an invoice have earned. is_cut: whether its period goes on, so that its usage moves to
    `until` from the period's end, where a line counts it.
    """
    earned, draft = EarnedAmounts(), invoice.draft
    for line in draft.lines:
        net = net_before_tax(draft, line)
        if is_cut and line.kind == "usage":
            earned.add(line, net, is_uninvoiced=False)
        elif line.kind != "coupon":
            share = earned_share(line, net, fees, at=until, currency=draft.currency, zone=seller.zone)
            earned.add(line, share, is_uninvoiced=True)
    # Amounts that credit notes take back, because the rest of the invoice doesn't outweigh them.
    for _, line in invoice.fee_reductions.values():
        net = before_tax(line.amount, line, draft.currency, includes_tax=draft.includes_tax)
        share = earned_share(line, net, fees, at=until, currency=draft.currency, zone=seller.zone)
        earned.add(line, share, is_uninvoiced=True)
    for credit in invoice.usage_credits:
        line = credit.snapshot.line
        net = before_tax(-credit.amount, line, draft.currency, includes_tax=draft.includes_tax)
        earned.add(line, net, kind="usage" if is_cut else "usage_credit", is_uninvoiced=not is_cut)
    return earned
