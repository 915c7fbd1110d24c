"""Rate past periods by a candidate version."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import msgspec

from billing.closing.batch import describe_error
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.lines.fee_histories import fees_billed_for_next_period
from billing.closing.records import AssembledInvoice, BilledFee, PeriodToClose
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.simulation import comparable_lines
from billing.simulation.candidate.candidate_terms import Candidate, NotComparable
from billing.simulation.candidate.carryover import tier_progress, with_simulated_runs
from billing.simulation.candidate.commitments import SimulatedAmounts, commitment_cycles_for
from billing.simulation.candidate.prepaid import bill_uncovered_usage, grants_for_period
from billing.simulation.history.billed_periods import PastPeriods
from billing.simulation.records import CandidateUsage, PeriodBill
from billing.simulation.usage_sources.period_counts import count_usage
from billing.simulation.usage_sources.source_selection import Source
from lib.money import round_money
from plans.catalog.stored_terms import hypothetical_terms, load_terms


def rate_candidate(
    past: PastPeriods, candidate: Candidate, *, keeps_overrides: bool = True, usage_source: Source | None = None
) -> dict[int, PeriodBill]:
    """
    Return the bill of each requested period by a candidate version.

    keeps_overrides: whether the customers' overrides apply. usage_source: see `count_usage`.
    """
    with hypothetical_terms(candidate.supposed_terms()):
        bills: dict[int, PeriodBill] = {}
        timelines: list[list[PeriodToClose]] = []
        for closings in past.by_subscription():
            try:
                timelines.append(_periods_on_candidate(candidate, past, closings, keeps_overrides=keeps_overrides))
            except (NotComparable, ValueError) as error:
                bill = PeriodBill(problems=(str(error),), is_known=False)
                bills |= {closing.span.period_id: bill for closing in closings}
        regular = {
            closing.span.period_id: closing.span
            for timeline in timelines
            for closing in timeline
            if closing.kind == "regular"
        }
        usage = count_usage(past, regular, usage_source=usage_source) if regular else {}
        for timeline in timelines:
            bills |= _bill_in_order(past, timeline, usage, candidate)
            bills |= _with_missing_fee_problems(past, timeline, bills)
    return {period_id: bills[period_id] for period_id in past.period_ids}


def _periods_on_candidate(
    candidate: Candidate, past: PastPeriods, closings: Sequence[PeriodToClose], *, keeps_overrides: bool
) -> list[PeriodToClose]:
    """Return a subscription's periods on the candidate: the requested ones, and the earlier ones that affect them."""
    candidate_closings = [_on_candidate(candidate, closing, keeps_overrides=keeps_overrides) for closing in closings]
    return [
        closing
        for closing, next_closing in zip(candidate_closings, [*candidate_closings[1:], None], strict=True)
        if _is_needed(past, closing, next_closing)
    ]


def _is_needed(past: PastPeriods, closing: PeriodToClose, next_closing: PeriodToClose | None) -> bool:
    if closing.span.period_id in past.period_ids:
        return True
    if next_closing is None:
        return False
    span = next_closing.span
    settles = (
        next_closing.is_split
        or bool(next_closing.settles)
        or bool(load_terms(span.version_id, span.currency).unit_fees)
    )
    return past.rows[span.period_id].continues or settles


def _on_candidate(candidate: Candidate, closing: PeriodToClose, *, keeps_overrides: bool) -> PeriodToClose:
    next_period = closing.next_period
    return msgspec.structs.replace(
        closing,
        span=_candidate_span(candidate, closing.span, keeps_overrides=keeps_overrides),
        next_period=next_period and _candidate_span(candidate, next_period, keeps_overrides=keeps_overrides),
        # Nothing of this has been billed by the candidate.
        commitments={},
        fees=closing.fees._replace(billed_fees={}, version_since=None),
    )


def _candidate_span(candidate: Candidate, span: RatingPeriod, *, keeps_overrides: bool) -> RatingPeriod:
    terms = candidate.terms_for(load_terms(span.version_id, span.currency))
    overrides = span.overrides if keeps_overrides else ""
    return msgspec.structs.replace(span, version_id=terms.version_id, overrides=overrides, runs={}, split_values=())


def _bill_in_order(
    past: PastPeriods, timeline: Sequence[PeriodToClose], usage: dict[int, CandidateUsage], candidate: Candidate
) -> dict[int, PeriodBill]:
    """Bill the periods of a subscription in order of time, since each depends on those before it."""
    bills: dict[int, PeriodBill] = {}
    earlier: list[PeriodToClose] = []
    amounts_by_period: dict[int, SimulatedAmounts] = {}
    assembled: AssembledInvoice | None = None
    for candidate_closing in timeline:
        period_id = candidate_closing.span.period_id
        is_requested = period_id in past.period_ids
        try:
            closing = _prepare(past, candidate_closing, usage.get(period_id), earlier, assembled)
            if is_requested:
                billed = past.billed.get(candidate_closing.subscription_id, ())
                cycles = commitment_cycles_for(closing, billed, amounts_by_period)
                closing = msgspec.structs.replace(closing, commitments=cycles)
            grants = grants_for_period(closing, candidate.included) if closing.kind == "regular" else {}
            closing = bill_uncovered_usage(closing, grants, past.wallet_demands.get(period_id, {}))
            seller = past.sellers[candidate_closing.buyer.seller_id]
            assembled = assemble_invoice(closing, seller)
            problems = (
                tuple(map(comparable_lines.describe_unpriced, usage[period_id].unpriced)) if is_requested else ()
            )
            bills[period_id] = comparable_lines.compile_bill(
                closing, assembled, seller, grants=grants, problems=problems
            )
            earlier.append(closing)
        # Any error: a period that can't be rated is reported as unknown, and the next one builds on no invoice.
        except Exception as error:
            assembled = None
            bills[period_id] = PeriodBill(problems=(describe_error(error),), is_known=False)
        if is_requested:
            amounts_by_period[period_id] = SimulatedAmounts.from_assembly(candidate_closing, assembled)
    return bills


def _prepare(
    past: PastPeriods,
    candidate_closing: PeriodToClose,
    usage: CandidateUsage | None,
    earlier: Sequence[PeriodToClose],
    assembled: AssembledInvoice | None,
) -> PeriodToClose:
    """Return a period with its usage, and the state that it carries over from the periods before it."""
    if usage is not None and usage.error is not None:
        raise usage.error
    continued = candidate_closing.span.continued
    # An earlier period that is not simulated keeps the progress that was billed.
    if continued and earlier and earlier[-1].span.period_id in past.period_ids:
        continued = tier_progress(earlier[-1], assembled)
    numbered = usage.split_values if usage else {}
    split_values = tuple((plan_feature_id, tuple(values.items())) for plan_feature_id, values in numbered.items())
    closing = msgspec.structs.replace(
        candidate_closing,
        span=msgspec.structs.replace(candidate_closing.span, continued=continued, split_values=split_values),
        counters=usage.counters if usage else {},
    )
    span = with_simulated_runs(closing, earlier)
    has_multi_period_fees = bool(load_terms(span.version_id, span.currency).multi_period_fees)
    fees = closing.fees
    if assembled is not None and earlier and earlier[-1].next_period is not None:
        fees = fees._replace(billed_fees=fees_billed_for_next_period(earlier[-1], assembled.draft))
    elif has_multi_period_fees:
        fees = fees._replace(billed_fees=_supposed_billed_fees(past.closings[span.period_id], closing))
    if has_multi_period_fees:
        fees = fees._replace(version_since=_runs_since(past, closing))
    return msgspec.structs.replace(closing, span=span, fees=fees)


def _supposed_billed_fees(billed_closing: PeriodToClose, closing: PeriodToClose) -> dict[int, BilledFee]:
    """Assume that fees for several periods were billed before, if the version in force has billed them."""
    span, billed_fees = billed_closing.span, {}
    fees_in_force = {
        (fee.code, fee.every): fee
        for fee in load_terms(span.version_id, span.currency).multi_period_fees
        if fee.amount
    }
    for fee in load_terms(closing.span.version_id, span.currency).multi_period_fees:
        fee_in_force = fees_in_force.get((fee.code, fee.every))
        if (
            fee_in_force is not None
            and (billed_fee := billed_closing.fees.billed_fees.get(fee_in_force.fee_id)) is not None
        ):
            figures = {name: getattr(billed_fee, name) for name in ("amount", "net", "credited")}
            price_ratio = Fraction(fee.amount) / Fraction(fee_in_force.amount)
            scaled_figures = {
                name: round_money(Fraction(figure) * price_ratio, span.currency) for name, figure in figures.items()
            }
            billed_fees[fee.fee_id] = msgspec.structs.replace(billed_fee, **scaled_figures)
    return billed_fees


def _with_missing_fee_problems(
    past: PastPeriods, timeline: Sequence[PeriodToClose], bills: dict[int, PeriodBill]
) -> dict[int, PeriodBill]:
    """Note on the last bill the fees for more periods than were simulated: no bill may contain them."""
    requested = [closing for closing in timeline if closing.span.period_id in past.period_ids]
    if not requested:
        return {}
    span, last_bill = requested[-1].span, bills[requested[-1].span.period_id]
    problems = tuple(
        f"The fee “{fee.label}” is due once in {fee.every} periods, of which only {len(requested)} were simulated."
        for fee in load_terms(span.version_id, span.currency).multi_period_fees
        if fee.every > len(requested)
    )
    return {span.period_id: replace(last_bill, problems=last_bill.problems + problems)} if problems else {}


def _runs_since(past: PastPeriods, closing: PeriodToClose) -> datetime:
    """Return since when the periods have been contiguous: all of them are on the candidate."""
    since = closing.span.starts_at
    for row in reversed(past.billed.get(closing.subscription_id, ())):
        since = row.starts_at if row.ends_at == since else since
    return since
