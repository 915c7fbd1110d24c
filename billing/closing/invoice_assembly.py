"""
From facts to a document. Closing, previews and forecasts all come through here, so they cannot disagree.

Lines in order: fees, usage, what settles a commitment, late usage of earlier periods, coupons. Nothing here reads the
database's changing rows or writes.
"""

from collections.abc import Sequence
from decimal import Decimal

from billing.closing.lines.coupon_discounts import discount
from billing.closing.lines.fee_lines import fee_lines
from billing.closing.lines.late_usage_lines import Difference, differences, split
from billing.closing.lines.true_up_lines import add, settling_lines
from billing.closing.lines.usage_lines import usage_lines
from billing.closing.records import Assembled, Closing, Late, Snapshot
from billing.metering.rating_inputs.period_counters import Span
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.seller_terms import SellerTerms
from plans.catalog.stored_terms import terms_of

Lines = Sequence[tuple[DraftLine, Snapshot]]


def assemble(closing: Closing, seller: SellerTerms) -> Assembled:
    """
    Return what a period comes to: fees, its usage, and late usage of periods that were closed before.

    Late usage that comes to less than nothing is set off against the rest. Where that does not outweigh it, credit
    notes take it back, since a document never claims a negative total.

    :raises UnpricedUsage: if usage was counted that the version has no price for.
    :raises ValueError: if a quantity cannot be priced, with the reason in words.
    """
    draft = _draft(closing, seller, reference=f"period:{closing.span.period_id}")
    found = Assembled(draft, [])
    draft.lines += fee_lines(closing, seller)
    if closing.settles and closing.gives_back:
        found.refunds = closing.settles == "refund"
        _leave_to_a_note(found, closing)
    if closing.kind == "regular":
        rest = _add_rest(found, closing, seller)
        if rest is None:
            _add_usage(found, closing, seller, even_idle=seller.issues_zero_invoices)
        draft.total_up()
        if draft.totals.total < 0:
            _leave_to_a_note(found, closing)
        if draft.totals.total < 0:
            _leave_what_runs_on(found)
        usage = [one.line for one in found.snapshots] if rest is None else rest
        settling = _settling(closing, closing.span, seller, usage)
        draft.lines += settling
        _claim(found, closing, closing.span, usage, settling)
    draft.total_up()
    _add_late(found, closing.late, closing, seller)
    own = closing.span.period_id
    found.redeemed += [(line, redemption, own) for line, redemption in discount(draft, closing.coupons)]
    return found


def assemble_again(closing: Closing, seller: SellerTerms, fees: Sequence[DraftLine], *, reference: str) -> Assembled:
    """
    Return the document to issue in place of a period's: the same fees, and usage as it is by now.

    closing, seller: with the facts of both sides that stand on the document it replaces.
    """
    draft = _draft(closing, seller, reference=reference)
    found = Assembled(draft, [])
    draft.lines += fees
    if closing.kind == "regular":
        _add_usage(found, closing, seller, even_idle=True)
    draft.total_up()
    return found


def assemble_late(closing: Closing, late: Late, seller: SellerTerms, *, reference: str) -> Assembled:
    """Return what a late period comes to on a document of its own, for a subscription that has no next one."""
    draft = _draft(closing, seller, reference=reference)
    draft.period_start, draft.period_end = late.span.starts_at, late.span.ends_at
    found = Assembled(draft, [])
    _add_late(found, [late], closing, seller)
    return found


def late_amount(late: Late, closing: Closing, seller: SellerTerms) -> Decimal:
    """Return what late usage of a period comes to, its commitment settled; below zero where it comes to less."""
    usage = [one.line for one in differences(late, closing.buyer, seller)]
    settling = _settling(closing, late.span, seller, usage)
    if contract := closing.contracts.get(late.span.period_id):
        add(contract, [*usage, *settling])
    return sum((line.amount for line in (*usage, *settling)), Decimal(0))


def _draft(closing: Closing, seller: SellerTerms, *, reference: str) -> Draft:
    buyer, span = closing.buyer, closing.span
    if closing.kind == "opening" and closing.following is not None:
        span = closing.following
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


def _includes_tax(closing: Closing) -> bool:
    """
    Return whether the prices of a document include tax: those of all that it is about do, or none.

    :raises ValueError: if some do and some do not.
    """
    several = [closing.span, closing.following] if closing.kind == "regular" else [closing.following or closing.span]
    spans = [*several, *(late.span for late in closing.late)]
    found = {terms_of(one.version_id, one.currency).includes_tax for one in spans if one is not None}
    if len(found) > 1:
        raise ValueError("Some of its prices include tax, and some do not: they cannot stand on one document.")
    return found.pop()


def _add_usage(found: Assembled, closing: Closing, seller: SellerTerms, *, even_idle: bool) -> None:
    """Add lines for usage; even_idle: where there is nothing else to say, say what was not used."""
    _add(found, list(usage_lines(closing, seller)))
    if not found.draft.lines and even_idle:
        _add(found, list(usage_lines(closing, seller, idle=True)))


def _add_rest(found: Assembled, closing: Closing, seller: SellerTerms) -> list[DraftLine] | None:
    """
    Add what usage comes to beyond what was billed of it before the period was over; credit notes take back what it
    comes to less. Return both, or None where nothing was billed.
    """
    if closing.progress is None:
        return None
    rest = list(differences(closing.progress, closing.buyer, seller, kind="usage", suffix=""))
    for one in rest:
        credits, line = split(one)
        found.credits += credits
        _add(found, [] if line is None else [line])
    return [one.line for one in rest]


def _add(found: Assembled, lines: Lines) -> None:
    for line, snapshot in lines:
        found.draft.lines.append(line)
        found.snapshots.append(snapshot)


def _leave_to_a_note(found: Assembled, closing: Closing) -> None:
    """Leave what fees give back to a credit note of the document that claimed it."""
    lines = found.draft.lines
    given = {line.fee_id: line for line in lines if line.fee_id is not None and line.amount < 0}
    found.given_back |= {fee_id: (closing.claimed[fee_id], line) for fee_id, line in given.items()}
    found.draft.lines = [line for line in lines if line.fee_id is None or line.amount >= 0]
    found.draft.total_up()


def _leave_what_runs_on(found: Assembled) -> None:
    """
    Leave to a later document what lowers the sum of a window that runs on, where the rest does not outweigh it.

    A volume price may fall when usage rises, and values may be below zero.
    """
    left = {id(one.line) for one in found.snapshots if one.earlier is not None}
    found.draft.lines[:] = [line for line in found.draft.lines if id(line) not in left]
    found.snapshots[:] = [one for one in found.snapshots if one.earlier is None]
    found.draft.total_up()
    found.is_left = True


def _add_late(found: Assembled, lates: Sequence[Late], closing: Closing, seller: SellerTerms) -> None:
    """Add late periods, those that claim first, so that they can outweigh those that give back."""
    differing = [(late.span, list(differences(late, closing.buyer, seller))) for late in lates]
    for span, of_period in sorted(differing, key=_comes_to, reverse=True):
        usage = [one.line for one in of_period]
        settling = _settling(closing, span, seller, usage, suffix=" (late)")
        parts = [split(one) for one in of_period]
        if not _add_if_it_fits(found, [(one.line, one.snapshot) for one in of_period], settling):
            if settling or not _add_if_it_fits(found, [rest for _, rest in parts if rest is not None]):
                found.late_left.append(span.period_id)
                continue
            found.credits += [credit for credits, _ in parts for credit in credits]
        found.late_billed.append(span.period_id)
        _claim(found, closing, span, usage, settling)


def _add_if_it_fits(found: Assembled, lines: Lines, settling: Sequence[DraftLine] = ()) -> bool:
    """Add lines, unless the document would then claim less than nothing."""
    before = len(found.draft.lines)
    _add(found, lines)
    found.draft.lines += settling
    found.draft.total_up()
    if found.draft.totals.total >= 0:
        return True
    del found.draft.lines[before:]
    del found.snapshots[len(found.snapshots) - len(lines) :]
    found.draft.total_up()
    return False


def _settling(
    closing: Closing, span: Span, seller: SellerTerms, usage: Sequence[DraftLine], *, suffix: str = ""
) -> list[DraftLine]:
    """Return the lines that settle the commitment of a period with these lines of usage, if there is one."""
    contract = closing.contracts.get(span.period_id)
    if contract is None:
        return []
    return list(settling_lines(contract, span, usage, buyer=closing.buyer, seller=seller, suffix=suffix))


def _claim(
    found: Assembled, closing: Closing, span: Span, usage: Sequence[DraftLine], settling: Sequence[DraftLine]
) -> None:
    """Note that the document claims these lines of a period, so that its contract goes on from there."""
    if contract := closing.contracts.get(span.period_id):
        add(contract, [*usage, *settling])
    found.settlements += [(line, span.period_id) for line in settling]


def _comes_to(differing: tuple[Span, Sequence[Difference]]) -> Decimal:
    return sum((one.amount for one in differing[1]), Decimal(0))
