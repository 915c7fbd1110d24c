"""
From facts to a document. Closing, previews and forecasts all come through here, so they cannot disagree.

Lines in order: fees, usage, what settles a commitment, late usage of earlier periods, coupons. Nothing here reads the
database's changing rows or writes.
"""

from collections.abc import Sequence
from decimal import Decimal

from billing.closing.lines.coupon_discounts import add_coupon_lines
from billing.closing.lines.fee_lines import fee_lines
from billing.closing.lines.late_usage_lines import UsageDifference, split_off_credits, usage_differences
from billing.closing.lines.true_up_lines import add_to_commitment, commitment_settlement_lines
from billing.closing.lines.usage_lines import usage_lines
from billing.closing.records import AssembledInvoice, LatePeriod, PeriodToClose, UsageSnapshot
from billing.metering.rating_inputs.period_counters import RatingPeriod
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.seller_terms import SellerTerms
from plans.catalog.stored_terms import load_terms

UsageLines = Sequence[tuple[DraftLine, UsageSnapshot]]


def assemble_invoice(closing: PeriodToClose, seller: SellerTerms) -> AssembledInvoice:
    """
    Return what a period comes to: fees, its usage, and late usage of periods that were closed before.

    Late usage that comes to less than nothing is set off against the rest. Where that does not outweigh it, credit
    notes take it back, since a document never claims a negative total.

    :raises UnpricedUsage: if usage was counted that the version has no price for.
    :raises ValueError: if a quantity cannot be priced, with the reason in words.
    """
    draft = _empty_draft(closing, seller, reference=f"period:{closing.span.period_id}")
    found = AssembledInvoice(draft, [])
    draft.lines += fee_lines(closing, seller)
    if closing.settles and closing.credits_unused_time:
        found.refunds_customer = closing.settles == "refund"
        _move_fee_credits_to_note(found, closing)
    if closing.kind == "regular":
        rest = _add_remaining_usage(found, closing, seller)
        if rest is None:
            _add_usage(found, closing, seller, show_idle=seller.issues_zero_invoices)
        draft.total_up()
        if draft.totals.total < 0:
            _move_fee_credits_to_note(found, closing)
        if draft.totals.total < 0:
            _defer_multi_period_windows(found)
        usage = [one.line for one in found.snapshots] if rest is None else rest
        settling = _commitment_lines(closing, closing.span, seller, usage)
        draft.lines += settling
        _record_commitment_lines(found, closing, closing.span, usage, settling)
    draft.total_up()
    _add_late_usage(found, closing.late_periods, closing, seller)
    own = closing.span.period_id
    found.coupon_lines += [(line, redemption, own) for line, redemption in add_coupon_lines(draft, closing.coupons)]
    return found


def assemble_replacement(
    closing: PeriodToClose, seller: SellerTerms, fees: Sequence[DraftLine], *, reference: str
) -> AssembledInvoice:
    """
    Return the document to issue in place of a period's: the same fees, and usage as it is by now.

    closing, seller: with the facts of both sides that stand on the document it replaces.
    """
    draft = _empty_draft(closing, seller, reference=reference)
    found = AssembledInvoice(draft, [])
    draft.lines += fees
    if closing.kind == "regular":
        _add_usage(found, closing, seller, show_idle=True)
    draft.total_up()
    return found


def assemble_late_invoice(
    closing: PeriodToClose, late_period: LatePeriod, seller: SellerTerms, *, reference: str
) -> AssembledInvoice:
    """Return what a late period comes to on a document of its own, for a subscription that has no next one."""
    draft = _empty_draft(closing, seller, reference=reference)
    draft.period_start, draft.period_end = late_period.span.starts_at, late_period.span.ends_at
    found = AssembledInvoice(draft, [])
    _add_late_usage(found, [late_period], closing, seller)
    return found


def late_amount(late_period: LatePeriod, closing: PeriodToClose, seller: SellerTerms) -> Decimal:
    """Return what late usage of a period comes to, its commitment settled; below zero where it comes to less."""
    usage = [one.line for one in usage_differences(late_period, closing.buyer, seller)]
    settling = _commitment_lines(closing, late_period.span, seller, usage)
    if contract := closing.commitments.get(late_period.span.period_id):
        add_to_commitment(contract, [*usage, *settling])
    return sum((line.amount for line in (*usage, *settling)), Decimal(0))


def _empty_draft(closing: PeriodToClose, seller: SellerTerms, *, reference: str) -> Draft:
    buyer, span = closing.buyer, closing.span
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
    Return whether the prices of a document include tax: those of all that it is about do, or none.

    :raises ValueError: if some do and some do not.
    """
    several = (
        [closing.span, closing.next_period] if closing.kind == "regular" else [closing.next_period or closing.span]
    )
    spans = [*several, *(late.span for late in closing.late_periods)]
    found = {load_terms(one.version_id, one.currency).includes_tax for one in spans if one is not None}
    if len(found) > 1:
        raise ValueError("Some of its prices include tax, and some do not: they cannot stand on one document.")
    return found.pop()


def _add_usage(found: AssembledInvoice, closing: PeriodToClose, seller: SellerTerms, *, show_idle: bool) -> None:
    """Add lines for usage; even_idle: where there is nothing else to say, say what was not used."""
    _append_usage(found, list(usage_lines(closing, seller)))
    if not found.draft.lines and show_idle:
        _append_usage(found, list(usage_lines(closing, seller, include_idle=True)))


def _add_remaining_usage(
    found: AssembledInvoice, closing: PeriodToClose, seller: SellerTerms
) -> list[DraftLine] | None:
    """
    Add what usage comes to beyond what was billed of it before the period was over; credit notes take back what it
    comes to less. Return both, or None where nothing was billed.
    """
    if closing.as_late_period is None:
        return None
    rest = list(usage_differences(closing.as_late_period, closing.buyer, seller, kind="usage", suffix=""))
    for one in rest:
        credits, line = split_off_credits(one)
        found.usage_credits += credits
        _append_usage(found, [] if line is None else [line])
    return [one.line for one in rest]


def _append_usage(found: AssembledInvoice, lines: UsageLines) -> None:
    for line, snapshot in lines:
        found.draft.lines.append(line)
        found.snapshots.append(snapshot)


def _move_fee_credits_to_note(found: AssembledInvoice, closing: PeriodToClose) -> None:
    """Leave what fees give back to a credit note of the document that claimed it."""
    lines = found.draft.lines
    given = {line.fee_id: line for line in lines if line.fee_id is not None and line.amount < 0}
    found.fee_reductions |= {fee_id: (closing.billed_fees[fee_id], line) for fee_id, line in given.items()}
    found.draft.lines = [line for line in lines if line.fee_id is None or line.amount >= 0]
    found.draft.total_up()


def _defer_multi_period_windows(found: AssembledInvoice) -> None:
    """
    Leave to a later document what lowers the sum of a window that runs on, where the rest does not outweigh it.

    A volume price may fall when usage rises, and values may be below zero.
    """
    left = {id(one.line) for one in found.snapshots if one.earlier is not None}
    found.draft.lines[:] = [line for line in found.draft.lines if id(line) not in left]
    found.snapshots[:] = [one for one in found.snapshots if one.earlier is None]
    found.draft.total_up()
    found.leaves_usage_late = True


def _add_late_usage(
    found: AssembledInvoice, lates: Sequence[LatePeriod], closing: PeriodToClose, seller: SellerTerms
) -> None:
    """Add late periods, those that claim first, so that they can outweigh those that give back."""
    differing = [(late.span, list(usage_differences(late, closing.buyer, seller))) for late in lates]
    for span, of_period in sorted(differing, key=_total_of_differences, reverse=True):
        usage = [one.line for one in of_period]
        settling = _commitment_lines(closing, span, seller, usage, suffix=" (late)")
        parts = [split_off_credits(one) for one in of_period]
        if not _append_unless_negative(found, [(one.line, one.snapshot) for one in of_period], settling):
            if settling or not _append_unless_negative(found, [rest for _, rest in parts if rest is not None]):
                found.late_left.append(span.period_id)
                continue
            found.usage_credits += [credit for credits, _ in parts for credit in credits]
        found.late_billed.append(span.period_id)
        _record_commitment_lines(found, closing, span, usage, settling)


def _append_unless_negative(found: AssembledInvoice, lines: UsageLines, settling: Sequence[DraftLine] = ()) -> bool:
    """Add lines, unless the document would then claim less than nothing."""
    before = len(found.draft.lines)
    _append_usage(found, lines)
    found.draft.lines += settling
    found.draft.total_up()
    if found.draft.totals.total >= 0:
        return True
    del found.draft.lines[before:]
    del found.snapshots[len(found.snapshots) - len(lines) :]
    found.draft.total_up()
    return False


def _commitment_lines(
    closing: PeriodToClose, span: RatingPeriod, seller: SellerTerms, usage: Sequence[DraftLine], *, suffix: str = ""
) -> list[DraftLine]:
    """Return the lines that settle the commitment of a period with these lines of usage, if there is one."""
    contract = closing.commitments.get(span.period_id)
    if contract is None:
        return []
    return list(commitment_settlement_lines(contract, span, usage, buyer=closing.buyer, seller=seller, suffix=suffix))


def _record_commitment_lines(
    found: AssembledInvoice,
    closing: PeriodToClose,
    span: RatingPeriod,
    usage: Sequence[DraftLine],
    settling: Sequence[DraftLine],
) -> None:
    """Note that the document claims these lines of a period, so that its contract goes on from there."""
    if contract := closing.commitments.get(span.period_id):
        add_to_commitment(contract, [*usage, *settling])
    found.settlements += [(line, span.period_id) for line in settling]


def _total_of_differences(differing: tuple[RatingPeriod, Sequence[UsageDifference]]) -> Decimal:
    return sum((one.amount for one in differing[1]), Decimal(0))
