"""
Build an invoice from the facts of a period. Closing, previews and forecasts all use this module, so they agree.

Order of lines: fees, usage, commitment settlement, late usage of earlier periods, coupons. Nothing here writes or
reads rows that may change.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from billing.closing.lines.coupon_discounts import add_coupon_lines
from billing.closing.lines.fee_lines import fee_lines
from billing.closing.lines.late_usage_lines import UsageDifference, split_off_credits, usage_differences
from billing.closing.lines.true_up_lines import (
    add_to_commitment,
    commitment_settlement_lines,
    explain_parts_within,
)
from billing.closing.lines.usage_lines import usage_lines
from billing.closing.records import AssembledInvoice, CommitmentCycle, LatePeriod, PeriodToClose, UsageSnapshot
from billing.metering.rating_inputs.rating_period import RatingPeriod
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.seller_terms import SellerTerms
from lib.decimals import exact_sum
from plans.catalog.stored_terms import load_terms

UsageLines = Sequence[tuple[DraftLine, UsageSnapshot]]


def assemble_invoice(closing: PeriodToClose, seller: SellerTerms) -> AssembledInvoice:
    """
    Return the invoice of a period: fees, its usage, and late usage of periods closed earlier.

    Negative late usage is set off against the other lines. Where those don't suffice, credit notes take it back,
    because an invoice never has a negative total.

    :raises UnpricedUsage: if usage was counted that the version has no price for.
    :raises ValueError: if a quantity cannot be priced, with the reason in words.
    """
    draft = _empty_draft(closing, seller, reference=f"period:{closing.span.period_id}")
    assembled = AssembledInvoice(
        draft,
        [],
        commitments=dict(closing.commitments),
        blocking_period_id=closing.fees.blocking_period_id,
    )
    draft.lines += fee_lines(closing, seller)
    if closing.settles and closing.credits_unused_time:
        assembled.refunds_customer = closing.settles == "refund"
        _move_fee_credits_to_note(assembled, closing)
    if closing.kind == "regular":
        remaining = _add_remaining_usage(assembled, closing, seller)
        if remaining is None:
            _add_usage(assembled, closing, seller, show_idle=seller.issues_zero_invoices)
        draft.total_up()
        # An invoice can't be negative: first fee credits move to a credit note; if that is not enough, continuing
        # windows are deferred to a later invoice.
        if draft.totals.total < 0:
            _move_fee_credits_to_note(assembled, closing)
        if draft.totals.total < 0:
            _defer_multi_period_windows(assembled)
        # Of a period that was billed in part, only the differences are new to the commitment.
        usage = assembled.snapshots if remaining is None else remaining
        settlement_lines = _commitment_lines(assembled.commitments, closing, closing.span, seller, usage)
        draft.lines += settlement_lines
        _record_commitment_lines(assembled, closing.span, usage, settlement_lines)
    draft.total_up()
    _add_late_usage(assembled, closing.late_periods, closing, seller)
    assembled.coupon_lines += add_coupon_lines(draft, closing.coupons, closing.span.period_id)
    return assembled


def assemble_replacement(
    closing: PeriodToClose, seller: SellerTerms, fees: Sequence[DraftLine], *, reference: str
) -> AssembledInvoice:
    """
    Return the invoice that replaces a period's invoice: the same fees, and usage as it is now.

    closing, seller: with both parties' details as printed on the replaced invoice.
    """
    draft = _empty_draft(closing, seller, reference=reference)
    assembled = AssembledInvoice(draft, [])
    draft.lines += fees
    if closing.kind == "regular":
        _add_usage(assembled, closing, seller, show_idle=True)
    draft.total_up()
    return assembled


def assemble_late_invoice(
    closing: PeriodToClose, late_period: LatePeriod, seller: SellerTerms, *, reference: str
) -> AssembledInvoice:
    """Return a separate invoice for a late period, for a subscription that has no next invoice."""
    draft = _empty_draft(closing, seller, reference=reference)
    draft.period_start, draft.period_end = late_period.span.starts_at, late_period.span.ends_at
    assembled = AssembledInvoice(draft, [], commitments=dict(closing.commitments))
    _add_late_usage(assembled, [late_period], closing, seller)
    return assembled


def late_amount(
    late_period: LatePeriod, closing: PeriodToClose, seller: SellerTerms, cycles: dict[int, CommitmentCycle]
) -> Decimal:
    """
    Return the amount due for late usage of a period, including its commitment; negative if usage now costs less.

    cycles: the commitment cycles of the late periods, to which the amount is added.
    """
    return exact_sum(line.amount for line in late_lines(late_period, closing, seller, cycles))


def late_lines(
    late_period: LatePeriod, closing: PeriodToClose, seller: SellerTerms, cycles: dict[int, CommitmentCycle]
) -> list[DraftLine]:
    """
    Return the lines due for late usage of a period, with those that settle its commitment, before coupons.

    cycles: the commitment cycles of the late periods, to which the amounts are added.
    """
    usage = [difference.snapshot for difference in usage_differences(late_period, closing.buyer, seller)]
    settlement_lines = _commitment_lines(cycles, closing, late_period.span, seller, usage)
    add_to_commitment(cycles, late_period.span.period_id, usage, settlement_lines)
    return [*(snapshot.line for snapshot in usage), *settlement_lines]


def _empty_draft(closing: PeriodToClose, seller: SellerTerms, *, reference: str) -> Draft:
    buyer, span = closing.buyer, closing.span
    # An opening period has no duration: its invoice covers the first period, whose fees it bills.
    if closing.kind == "opening" and closing.next_period is not None:
        span = closing.next_period
    return Draft(
        reference=reference,
        seller_id=seller.id,
        customer_id=buyer.customer_id,
        sandbox=buyer.sandbox,
        currency=span.currency,
        period_start=span.starts_at,
        period_end=span.ends_at,
        seller_facts=seller.facts,
        buyer_facts=buyer.facts,
        seller_zone=seller.zone_name,
        net_days=seller.net_days_for(buyer),
        includes_tax=_includes_tax(closing),
        purchase_order=buyer.purchase_order,
    )


def _includes_tax(closing: PeriodToClose) -> bool:
    """
    Return whether the prices on an invoice include tax. All its periods must agree.

    :raises ValueError: if they don't.
    """
    # A regular period also bills fees of the next one; an opening period bills nothing else.
    own_spans = (
        [closing.span, closing.next_period] if closing.kind == "regular" else [closing.next_period or closing.span]
    )
    spans = [*own_spans, *(late.span for late in closing.late_periods)]
    includes_tax = {load_terms(span.version_id, span.currency).includes_tax for span in spans if span is not None}
    if len(includes_tax) > 1:
        raise ValueError("Some of its prices include tax and some do not, so they can't share an invoice.")
    return includes_tax.pop()


def _add_usage(assembled: AssembledInvoice, closing: PeriodToClose, seller: SellerTerms, *, show_idle: bool) -> None:
    """Add lines for usage. show_idle: if the invoice would have no lines, add lines for unused features at zero."""
    _append_usage(assembled, list(usage_lines(closing, seller)))
    if not assembled.draft.lines and show_idle:
        _append_usage(assembled, list(usage_lines(closing, seller, include_idle=True)))


def _add_remaining_usage(
    assembled: AssembledInvoice, closing: PeriodToClose, seller: SellerTerms
) -> list[UsageSnapshot] | None:
    """
    Add usage beyond the amounts billed before the period ended; credit notes take back amounts that are now lower.
    Return the snapshots of both, or None if nothing was billed early.
    """
    if closing.as_late_period is None:
        return None
    differences = list(
        usage_differences(
            closing.as_late_period, closing.buyer, seller, kind="usage", suffix="", is_final=closing.is_final
        )
    )
    for difference in differences:
        credits, line = split_off_credits(difference)
        assembled.usage_credits += credits
        _append_usage(assembled, [] if line is None else [line])
    return [difference.snapshot for difference in differences]


def _append_usage(assembled: AssembledInvoice, lines: UsageLines) -> None:
    for line, snapshot in lines:
        assembled.draft.lines.append(line)
        assembled.snapshots.append(snapshot)


def _move_fee_credits_to_note(assembled: AssembledInvoice, closing: PeriodToClose) -> None:
    """Move fee credits from the invoice to a credit note of the invoice that billed the fee."""
    lines = assembled.draft.lines
    credit_lines = {line.fee_id: line for line in lines if line.fee_id is not None and line.amount < 0}
    assembled.fee_reductions |= {
        fee_id: (closing.fees.billed_fees[fee_id], line) for fee_id, line in credit_lines.items()
    }
    assembled.draft.lines = [line for line in lines if line.fee_id is None or line.amount >= 0]
    assembled.draft.total_up()


def _defer_multi_period_windows(assembled: AssembledInvoice) -> None:
    """
    Defer lines that lower the sum of a window spanning several periods, where the other lines don't outweigh them.

    A volume price may fall when usage rises, and quantities may be negative.
    """
    # By identity: two lines may be equal.
    deferred_line_ids = {id(snapshot.line) for snapshot in assembled.snapshots if snapshot.earlier is not None}
    assembled.draft.lines[:] = [line for line in assembled.draft.lines if id(line) not in deferred_line_ids]
    assembled.snapshots[:] = [snapshot for snapshot in assembled.snapshots if snapshot.earlier is None]
    assembled.draft.total_up()
    assembled.leaves_usage_late = True


def _add_late_usage(
    assembled: AssembledInvoice, late_periods: Sequence[LatePeriod], closing: PeriodToClose, seller: SellerTerms
) -> None:
    """Add late periods, the largest amounts first, so that charges can outweigh credits."""
    differing = [
        (late_period.span, list(usage_differences(late_period, closing.buyer, seller)))
        for late_period in late_periods
    ]
    for span, differences in sorted(differing, key=_total_of_differences, reverse=True):
        usage = [difference.snapshot for difference in differences]
        settlement_lines = _commitment_lines(assembled.commitments, closing, span, seller, usage, suffix=" (late)")
        parts = [split_off_credits(difference) for difference in differences]
        if not _append_unless_negative(
            assembled, [(difference.line, difference.snapshot) for difference in differences], settlement_lines
        ):
            # A settlement is calculated from all usage of the period, so its charges can't be billed without its
            # credits.
            if settlement_lines or not _append_unless_negative(
                assembled, [rest for _, rest in parts if rest is not None]
            ):
                assembled.late_left.append(span.period_id)
                continue
            assembled.usage_credits += [credit for credits, _ in parts for credit in credits]
        assembled.late_billed.append(span.period_id)
        _record_commitment_lines(assembled, span, usage, settlement_lines)


def _append_unless_negative(
    assembled: AssembledInvoice, lines: UsageLines, settlement_lines: Sequence[DraftLine] = ()
) -> bool:
    """Add lines unless the invoice's total would become negative; return whether they were added."""
    before = len(assembled.draft.lines)
    _append_usage(assembled, lines)
    assembled.draft.lines += settlement_lines
    assembled.draft.total_up()
    if assembled.draft.totals.total >= 0:
        return True
    del assembled.draft.lines[before:]
    del assembled.snapshots[len(assembled.snapshots) - len(lines) :]
    assembled.draft.total_up()
    return False


def _commitment_lines(
    cycles: Mapping[int, CommitmentCycle],
    closing: PeriodToClose,
    span: RatingPeriod,
    seller: SellerTerms,
    usage: Sequence[UsageSnapshot],
    *,
    suffix: str = "",
) -> list[DraftLine]:
    """Return the lines that settle a period's commitment with these usage lines; empty if it has no commitment."""
    cycle = cycles.get(span.period_id)
    if cycle is None:
        return []
    return list(commitment_settlement_lines(cycle, span, usage, buyer=closing.buyer, seller=seller, suffix=suffix))


def _record_commitment_lines(
    assembled: AssembledInvoice,
    span: RatingPeriod,
    usage: Sequence[UsageSnapshot],
    settlement_lines: Sequence[DraftLine],
) -> None:
    """
    Record that the invoice bills these lines of a period, so that later lines of its commitment cycle build on them.
    """
    if (cycle := assembled.commitments.get(span.period_id)) is not None:
        explain_parts_within(cycle, usage, invoice_lines=assembled.draft.lines)
    add_to_commitment(assembled.commitments, span.period_id, usage, settlement_lines)
    assembled.settlements += [(line, span.period_id) for line in settlement_lines]


def _total_of_differences(differing: tuple[RatingPeriod, Sequence[UsageDifference]]) -> Decimal:
    return sum((difference.amount for difference in differing[1]), Decimal(0))
