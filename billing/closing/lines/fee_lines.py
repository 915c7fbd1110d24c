"""
Fee lines: in arrears for the period that ended, in advance for the next one, and once at the start.

`multi_period_fees` says when a fee for several periods is due and for which time.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from billing.closing.lines import multi_period_fees
from billing.closing.lines.line_templates import line_templates
from billing.closing.lines.quantity_lines import (
    PRORATION_TEXTS,
    one_time_quantity_lines,
    quantity_fee_lines,
    quantity_settlement_lines,
    settlement_workings,
)
from billing.closing.records import BilledFee, PeriodToClose
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.subscriptions.periods.boundaries import TimeInterval as Edges
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import ZERO, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import FeeTerms, VersionTerms
from plans.models.prices import FeeKind
from plans.pricing.proration import ProrationUnit, prorate, share_of_interval

ONE, ONCE = Fraction(1), Decimal(1)


def fee_lines(closing: PeriodToClose, seller: SellerTerms) -> Iterator[DraftLine]:
    """
    Yield the fee lines that are due when a period closes.

    An opening period bills one-time fees and, like every other, the fees in advance of the next period. A regular
    period bills its own fees in arrears and settles quantities; one-time fees in arrears are billed with the first
    period. A trial has no fees of its own and bills the fees that an opening period would bill. After a pause, an
    opening period bills no one-time fees again.
    """
    starts = closing.is_opening_or_trial and (closing.is_first or closing.span.is_trial)
    if not closing.is_opening_or_trial:
        yield from _simple_fee_lines(closing, closing.span, seller, in_advance=False, with_one_time=closing.is_first)
        yield from advance_fee_corrections(closing, seller)
        yield from quantity_fee_lines(closing, closing.span, seller, in_advance=False)
        yield from quantity_settlement_lines(closing, seller)
        yield from one_time_quantity_lines(closing, closing.span, seller, is_start=False)
    if closing.next_period is not None and not closing.next_period.is_trial:
        yield from _simple_fee_lines(closing, closing.next_period, seller, in_advance=True, with_one_time=starts)
        yield from quantity_fee_lines(closing, closing.next_period, seller, in_advance=True)
        if starts:
            yield from one_time_quantity_lines(closing, closing.next_period, seller, is_start=True)


def _simple_fee_lines(
    closing: PeriodToClose, span: RatingPeriod, seller: SellerTerms, *, in_advance: bool, with_one_time: bool
) -> Iterator[DraftLine]:
    templates = line_templates(span)
    fees = _due_fees(templates.advance if in_advance else templates.arrears, with_one_time=with_one_time)
    for fee in fees:
        due: Edges | None = Edges(span.starts_at, span.ends_at)
        if fee.every > 1:
            due = (multi_period_fees.due_in_advance if in_advance else multi_period_fees.due_in_arrears)(
                closing, fee, templates.terms
            )
        if due is None:
            continue
        part = ONE if fee.kind == FeeKind.ONE_TIME else _share(closing, due, span, fee, templates.terms)
        amount, explanation = _price_fee(fee, part, span.currency, templates.terms.proration)
        # The tax rate is that of the time of supply: a fee's first instant in advance, its last one in arrears.
        supplied_at = span.starts_at if in_advance else last_instant(span.ends_at)
        yield DraftLine(
            kind="fee",
            description=f"{templates.terms.plan_name}: {fee.label}",
            service_start=due[0],
            service_end=due[1],
            quantity=ONCE,
            unit="",
            amount=amount,
            taxes=seller.taxes_of(closing.buyer, at=supplied_at, code=fee.tax_code),
            explanation=explanation,
            fee_id=fee.fee_id,
            subject=f"fee:{fee.code}",
        )


def advance_fee_corrections(closing: PeriodToClose, seller: SellerTerms) -> Iterator[DraftLine]:
    """
    Yield corrections of fees that were paid in advance of a period whose end has changed since: the recalculated
    amount minus the billed amount. A fee for several periods is corrected in the last period it was billed for.

    A credit is a share of the invoiced amount, net of coupons and at the tax rate billed, never of the list price.

    Source: docs/closing.md#plan-changes, #cancellations.
    """
    span = closing.span
    templates = line_templates(span)
    for fee in templates.advance if closing.is_split or closing.settles or templates.terms.multi_period_fees else ():
        billed_fee = closing.fees.billed_fees.get(fee.fee_id)
        if not _is_recalculated(closing, fee, billed_fee):
            continue
        used_from = billed_fee.service_start if billed_fee and fee.every > 1 else span.starts_at
        used, explanation = _cumulative_amount(
            closing, billed_fee, Edges(used_from, span.ends_at), span, fee, templates.terms
        )
        amount = used - (billed_fee.amount if billed_fee else 0)
        if billed_fee and amount < 0:
            gives_back = (
                closing.credits_unused_time
                if fee.every == 1
                else closing.changes_version or closing.credits_beyond_end
            )
            amount = billed_fee.credit_for(amount, span.currency) if gives_back else ZERO
        if amount:
            workings = explanation | settlement_workings(used, billed_fee, amount, span.currency)
            yield DraftLine(
                kind="proration",
                description=f"{templates.terms.plan_name}: {fee.label} ({'unused' if amount < 0 else 'change'})",
                # A credit is for the time that is no longer served, so that its revenue leaves those months.
                service_start=span.ends_at if billed_fee and amount < 0 else used_from,
                service_end=max(billed_fee.service_end, span.ends_at) if billed_fee and amount < 0 else span.ends_at,
                quantity=ONCE,
                unit="",
                amount=amount,
                taxes=billed_fee.taxes
                if billed_fee
                else seller.taxes_of(closing.buyer, at=span.starts_at, code=fee.tax_code),
                explanation=msgspec.json.encode(workings),
                fee_id=fee.fee_id,
                subject=f"fee:{fee.code}",
            )


def _cumulative_amount(
    closing: PeriodToClose,
    billed_fee: BilledFee | None,
    part: Edges,
    span: RatingPeriod,
    fee: FeeTerms,
    terms: VersionTerms,
) -> tuple[Decimal, dict[str, str]]:
    """
    Return the amount of a part of a fee, and its workings.

    If the billed fee covers time beyond the part, the amount is the billed amount minus the price of the remaining
    time as it would be billed again. So changing a plan and back at once costs nothing, to the cent.
    """
    share = _share(closing, part, span, fee, terms)
    used, explanation = _price_fee(fee, share, span.currency, terms.proration)
    workings = msgspec.json.decode(explanation)
    if billed_fee is None or billed_fee.service_end <= part[1]:
        return used, workings
    remaining_share = _share(closing, Edges(part[0], billed_fee.service_end), span, fee, terms) - share
    return billed_fee.amount - prorate(fee.amount, remaining_share, span.currency), workings | {
        "left": str(remaining_share)
    }


def _due_fees(fees: Iterable[FeeTerms], *, with_one_time: bool) -> Iterator[FeeTerms]:
    return (fee for fee in fees if with_one_time or fee.kind != FeeKind.ONE_TIME)


def _is_recalculated(closing: PeriodToClose, fee: FeeTerms, billed_fee: BilledFee | None) -> bool:
    if fee.kind == FeeKind.ONE_TIME:
        return False
    if fee.every > 1:
        return billed_fee is not None and multi_period_fees.is_last_period(closing, billed_fee)
    return bool(closing.settles) or (closing.is_split and billed_fee is not None)


def _share(closing: PeriodToClose, part: Edges, span: RatingPeriod, fee: FeeTerms, terms: VersionTerms) -> Fraction:
    """Return the share of a fee's whole interval that a part covers: one, unless the part is a stub."""
    zone = closing.buyer.time_zone
    whole = multi_period_fees.fee_interval(fee, terms, span, zone)
    return ONE if whole == part else _stub_share(*part, *whole, terms.proration, zone)


@lru_cache(maxsize=10_000)
def _stub_share(
    starts_at: datetime, ends_at: datetime, full_start: datetime, full_end: datetime, by: ProrationUnit, zone: str
) -> Fraction:
    # If the customer's time zone has changed, a period may extend past the interval it begins in.
    return share_of_interval(
        max(starts_at, full_start),
        min(ends_at, full_end),
        full_start=full_start,
        full_end=full_end,
        by=by,
        zone=ZoneInfo(zone),
    )


@lru_cache(maxsize=10_000)
def _price_fee(fee: FeeTerms, part: Fraction, currency: str, proration: str) -> tuple[Decimal, bytes]:
    """Return the amount of a share of a fee, rounded once, and its explanation as JSON."""
    full = to_plain_string(fee.amount)
    if part == ONE:
        return round_money(fee.amount, currency), msgspec.json.encode({"fee": full, "share": "1", "formula": full})
    amount = prorate(fee.amount, part, currency)
    formula = f"{full} × {part}, {PRORATION_TEXTS[proration]}"
    return amount, msgspec.json.encode({"fee": full, "share": str(part), "formula": formula})
