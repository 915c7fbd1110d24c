"""
Lines for quantities: seats and add-ons, by how many there were in each part of a period.

A fee's amount for a period is recalculated for every invoice, and the billed amount is subtracted:
docs/closing.md#quantities. Only this module determines the billed amount.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from billing.closing.records import BilledFee, PeriodToClose
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from invoices.amounts.totals import Taxes
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import EXACT, ZERO, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import FeeTerms, VersionTerms, load_terms
from plans.models.prices import BillingTiming, FeeKind
from plans.pricing.quantity_segments import (
    Segment,
    billable_units,
    count_added_units,
    price_segments,
    quantity_at,
    split_by_quantity,
)

ONE = Decimal(1)
PRORATION_TEXTS = {"second": "by the second", "day": "by the day", "none": "not prorated"}


def quantity_fee_lines(
    closing: PeriodToClose, span: RatingPeriod, seller: SellerTerms, *, in_advance: bool
) -> Iterator[DraftLine]:
    """Yield the lines of recurring quantity fees of a period; in advance, for the quantities known by now."""
    terms = load_terms(span.version_id, span.currency)
    billed = BillingTiming.ADVANCE if in_advance else BillingTiming.ARREARS
    supplied_at = span.starts_at if in_advance else last_instant(span.ends_at)
    for fee in terms.unit_fees:
        if fee.kind == FeeKind.ONE_TIME or fee.billed != billed:
            continue
        parts = _segments(closing, span, fee, terms, until=span.ends_at)
        if any(segment.quantity for segment in parts):
            amount, explanation = _price_segments(fee, parts, terms)
            quantity = Decimal(_quantity(parts, terms))
            taxes = seller.taxes_of(closing.buyer, at=supplied_at, code=fee.tax_code)
            yield _fee_line(fee, span, terms, amount=amount, quantity=quantity, taxes=taxes, explanation=explanation)


def quantity_settlement_lines(closing: PeriodToClose, seller: SellerTerms) -> Iterator[DraftLine]:
    """
    Yield the amounts that quantities of a period still cost, more or less than was billed in advance.

    Amounts billed for time cut off by a cancellation stay billed unless they are to be credited; time cut off by a
    plan change is credited.
    """
    span = closing.span
    terms = load_terms(span.version_id, span.currency)
    for fee in terms.unit_fees:
        if fee.kind == FeeKind.ONE_TIME or fee.billed != BillingTiming.ADVANCE:
            continue
        billed_fee = closing.fees.billed_fees.get(fee.fee_id)
        until = settled_until(closing, billed_fee)
        cumulative, explanation = cumulative_amount(closing, billed_fee, fee, terms, until=until)
        billed_amount = billed_fee.amount if billed_fee else ZERO
        amount = EXACT.subtract(cumulative, billed_amount)
        if billed_fee and amount < 0:
            amount = billed_fee.credit_for(amount, span.currency)
        if amount:
            explanation |= settlement_workings(cumulative, billed_fee, amount, span.currency)
            taxes = (
                billed_fee.taxes
                if billed_fee
                else seller.taxes_of(closing.buyer, at=span.starts_at, code=fee.tax_code)
            )
            line = _fee_line(fee, span, terms, amount=amount, quantity=ONE, taxes=taxes, explanation=explanation)
            # The line is a difference of amounts, which no number of seats explains.
            line.unit = ""
            line.kind, line.description, line.service_end = "proration", f"{line.description} (change)", until
            if billed_fee and amount < 0 and billed_fee.service_end > until:
                line.service_start, line.service_end = until, billed_fee.service_end
            yield line


def settlement_workings(
    cumulative: Decimal, claim: BilledFee | None, amount: Decimal, currency: str
) -> dict[str, str]:
    """Return the workings of a settlement: the fee's amount, the billed amount, and its amount net of coupons."""
    billed_amount = round_money(claim.amount if claim else ZERO, currency)
    workings = {"cumulative": f"{cumulative:f}", "claimed_before": f"{billed_amount:f}"}
    formula = f"{cumulative:f} − {billed_amount:f}"
    if claim and amount < 0 and claim.net != claim.amount:
        workings["net_before"] = to_plain_string(claim.net)
        formula = f"({formula}) × {round_money(claim.net, currency):f} ÷ {billed_amount:f}"
    if claim and amount < 0 and (given := amount - claim.net_share_of(cumulative - claim.amount, currency)):
        workings["given_before"] = to_plain_string(given)
        formula = f"{formula} + {given:f}"
    return workings | {"formula": formula}


def one_time_quantity_lines(
    closing: PeriodToClose, span: RatingPeriod, seller: SellerTerms, *, is_start: bool
) -> Iterator[DraftLine]:
    """
    Yield the lines of one-time fees for units added since the period before.

    is_start: whether the subscription begins with the period, so that its initial quantity is billed in advance.
    """
    terms = load_terms(span.version_id, span.currency)
    for fee in terms.unit_fees:
        if fee.kind != FeeKind.ONE_TIME or (is_start and fee.billed != BillingTiming.ADVANCE):
            continue
        count = added_units(closing, span, fee, is_start=is_start)
        if count > 0:
            full = to_plain_string(fee.amount)
            supplied_at = span.starts_at if is_start else last_instant(span.ends_at)
            taxes = seller.taxes_of(closing.buyer, at=supplied_at, code=fee.tax_code)
            yield _fee_line(
                fee,
                span,
                terms,
                amount=round_money(EXACT.multiply(fee.amount, Decimal(count)), span.currency),
                quantity=Decimal(count),
                taxes=taxes,
                explanation={"fee": full, "taken": str(count), "formula": f"{count} × {full}"},
            )


def settled_until(closing: PeriodToClose, billed_fee: BilledFee | None) -> datetime:
    """
    Return the end of the time that is settled: a period that ends early is paid in full, unless the rest is credited.
    """
    ends_at = closing.span.ends_at
    if billed_fee is None or closing.next_period is not None or closing.credits_unused_time:
        return ends_at
    return max(ends_at, billed_fee.service_end)


def cumulative_amount(
    closing: PeriodToClose, billed_fee: BilledFee | None, fee: FeeTerms, terms: VersionTerms, *, until: datetime
) -> tuple[Decimal, dict[str, object]]:
    """
    Return the amount of a fee in a period up to `until`, and the workings.

    If more time was billed, it is the amount for the whole minus that for the rest as it would be billed again: see
    `fee_lines`.
    """
    span = closing.span
    parts = _segments(closing, span, fee, terms, until=until)
    amount, explanation = _price_segments(fee, parts, terms)
    if billed_fee is None or billed_fee.service_end <= until or terms.proration == "none":
        return amount, explanation
    rest = _segments(closing, span, fee, terms, since=until, until=billed_fee.service_end)
    whole, _ = _price_segments(fee, (*parts, *rest), terms)
    rest_amount, rest_explanation = _price_segments(fee, rest, terms)
    return EXACT.subtract(whole, rest_amount), explanation | {"left": rest_explanation["segments"]}


def added_units(closing: PeriodToClose, span: RatingPeriod, fee: FeeTerms, *, is_start: bool) -> int:
    changes = closing.fees.quantity_changes.get(fee.code, ())
    if is_start:
        return billable_units(quantity_at(changes, span.starts_at, default=fee.least), fee.included)
    billed_fee = closing.fees.billed_fees.get(fee.fee_id)
    count = count_added_units(
        changes,
        default=fee.least,
        start=span.starts_at,
        end=span.ends_at,
        included=fee.included,
        is_first=closing.is_first,
    )
    # Units billed in advance at the start are not billed again.
    return count - int(billed_fee.quantity if billed_fee else 0)


def _segments(
    closing: PeriodToClose,
    span: RatingPeriod,
    fee: FeeTerms,
    terms: VersionTerms,
    *,
    until: datetime,
    since: datetime | None = None,
) -> tuple[Segment, ...]:
    zone = closing.buyer.time_zone
    full_start, full_end = whole_interval(
        period_anchor(terms, anchor_at=span.anchor_at, time_zone=zone), span.starts_at
    )
    return split_by_quantity(
        closing.fees.quantity_changes.get(fee.code, ()),
        default=fee.least,
        start=since or span.starts_at,
        # If the customer's time zone has changed, a period may extend past the interval it begins in.
        end=min(until, full_end),
        full_start=full_start,
        full_end=full_end,
        by=terms.proration,
        zone=ZoneInfo(zone),
    )


def _quantity(parts: tuple[Segment, ...], terms: VersionTerms) -> int:
    """Return the units of a line: the quantity at the end, or the highest one where that is charged."""
    return max(segment.quantity for segment in parts) if terms.proration == "none" else parts[-1].quantity


def _price_segments(
    fee: FeeTerms, parts: tuple[Segment, ...], terms: VersionTerms
) -> tuple[Decimal, dict[str, object]]:
    """Return the amount of a fee for these parts of a period, rounded once, and its explanation."""
    by = terms.proration
    exact = price_segments(fee.amount, parts, included=fee.included, by=by)
    charged = [(billable_units(segment.quantity, fee.included), segment.share) for segment in parts]
    if by == "none":
        charged = [(max((units for units, _ in charged), default=0), Fraction(1))]
    return round_money(exact, terms.currency), {
        "fee": to_plain_string(fee.amount),
        "included": str(fee.included),
        "segments": [
            {
                "quantity": str(segment.quantity),
                "billable": str(billable_units(segment.quantity, fee.included)),
                "from": segment.start.isoformat(),
                "to": segment.end.isoformat(),
                "share": str(segment.share),
            }
            for segment in parts
        ],
        "formula": _formula(to_plain_string(fee.amount), charged, by),
    }


def _formula(full: str, charged: list[tuple[int, Fraction]], by: str) -> str:
    if len(charged) == 1 and charged[0][1] == 1:
        return f"{charged[0][0]} × {full}"
    return f"({' + '.join(f'{units} × {share}' for units, share in charged)}) × {full}, {PRORATION_TEXTS[by]}"


def _fee_line(
    fee: FeeTerms,
    span: RatingPeriod,
    terms: VersionTerms,
    *,
    amount: Decimal,
    quantity: Decimal,
    taxes: Taxes,
    explanation: Mapping[str, object],
) -> DraftLine:
    return DraftLine(
        kind="fee",
        description=f"{terms.plan_name}: {fee.label}",
        service_start=span.starts_at,
        service_end=span.ends_at,
        quantity=quantity,
        unit="seat" if fee.basis == "seat" else "",
        amount=amount,
        taxes=taxes,
        explanation=msgspec.json.encode(explanation),
        fee_id=fee.fee_id,
        subject=f"fee:{fee.code}",
    )
