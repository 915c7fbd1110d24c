"""
Lines for what is held: seats and add-ons, by how many of them there were in each part of a period.

What a fee comes to in a period is reckoned anew whenever a document is made, and what was claimed for it is taken
off: docs/closing.md#quantities. This is the one place that says what was claimed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection

from billing.closing.lines.multi_period_fees import attach_multi_period_fees
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.records import BilledFee, PeriodToClose
from billing.metering.rating_inputs.period_counters import RatingPeriod
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from billing.subscriptions.terms.quantities import read_quantity_changes
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.line_net import line_net_sql
from invoices.documents.seller_terms import SellerTerms, last_instant
from invoices.documents.totals import Taxes
from invoices.tax.line_taxes import line_taxes_sql, parse_taxes
from lib.decimals import EXACT, ZERO, to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import FeeTerms, VersionTerms, load_terms
from plans.models.prices import Billed, FeeKind
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

# What is due in advance of a period stands on the document of the one before it; a subscription's first has an
# opening one before it. The fee is the period's own, should its version have changed since.
_BILLED_IN_ADVANCE = """
SELECT p.id, CASE before.state WHEN 'open' THEN before.id END, own.id, l.amount, {net}, l.quantity, l.service_start,
    l.service_end,
    l.id, l.invoice_id, coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0),
    {taxes}::text
FROM billing_period p
LEFT JOIN billing_period before
    ON before.subscription_id = p.subscription_id AND before.ends_at = p.starts_at AND before.id <> p.id
LEFT JOIN invoices_line l
    ON l.invoice_id = before.invoice_id AND l.service_start = p.starts_at AND l.kind = 'fee' AND l.fee_id IS NOT NULL
    AND {own}
LEFT JOIN plans_fee claimed ON claimed.id = l.fee_id
LEFT JOIN plans_fee own ON (own.version_id, own.code, own.currency) = (p.version_id, claimed.code, claimed.currency)
WHERE p.id = ANY(%s)
"""


def attach_billed_fees(closings: Mapping[int, PeriodToClose]) -> None:
    """Give what was claimed in advance to the periods that settle it: for what is held, or as their end has moved."""
    wanted = [one for one in closings.values() if one.is_split or one.settles or _depends_on_billed_fees(one)]
    if not wanted:
        return
    changes = read_quantity_changes([one.subscription_id for one in wanted])
    open_before: dict[int, int] = {}
    claims = read_fees_billed_in_advance([one.span.period_id for one in wanted if one.kind == "regular"], open_before)
    for one in wanted:
        one.quantity_changes = changes.get(one.subscription_id, {})
        one.billed_fees = claims.get(one.span.period_id, {})
        one.blocking_period_id = open_before.get(one.span.period_id)
    attach_multi_period_fees(wanted)


def read_fees_billed_in_advance(
    period_ids: Sequence[int], open_before: dict[int, int] | None = None
) -> dict[int, dict[int, BilledFee]]:
    """
    Return period → fee → what was claimed of it in advance.

    open_before: is filled with the period before each that has not been billed yet.
    """
    found: dict[int, dict[int, BilledFee]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _BILLED_IN_ADVANCE.format(
                net=line_net_sql("l"), taxes=line_taxes_sql("l"), own=is_own_line_sql("before", "l")
            ),
            [list(period_ids)],
        )
        for period_id, before, fee_id, *claim, line_id, invoice_id, credited, taxes in cursor.fetchall():
            if before is not None and open_before is not None:
                open_before[period_id] = before
            if fee_id is not None:
                of_period = found.setdefault(period_id, {})
                of_period[fee_id] = BilledFee(*claim, parse_taxes(taxes), line_id, invoice_id, credited)
    return found


def fees_billed_for_next_period(closing: PeriodToClose, draft: Draft) -> dict[int, BilledFee]:
    """Return what is claimed of the period that follows: by this document, not written yet, or by an earlier one."""
    if closing.next_period is None:
        return {}
    since = closing.next_period.starts_at
    return {fee_id: claim for fee_id, claim in closing.billed_fees.items() if claim.service_end > since} | {
        line.fee_id: BilledFee(
            line.amount, draft.net_of(line), line.quantity, line.service_start, line.service_end, line.taxes
        )
        for line in draft.lines
        if line.fee_id is not None and line.kind == "fee" and line.service_start == since
    }


def _depends_on_billed_fees(closing: PeriodToClose) -> bool:
    spans = (closing.span, closing.next_period)
    known = (load_terms(span.version_id, span.currency) for span in spans if span is not None)
    return any(terms.unit_fees or terms.multi_period_fees for terms in known)


def quantity_fee_lines(
    closing: PeriodToClose, span: RatingPeriod, seller: SellerTerms, *, in_advance: bool
) -> Iterator[DraftLine]:
    """Yield the lines of recurring fees for what is held in a period; in advance, for what is known of it by now."""
    terms = load_terms(span.version_id, span.currency)
    billed = Billed.ADVANCE if in_advance else Billed.ARREARS
    supplied_at = span.starts_at if in_advance else last_instant(span.ends_at)
    for fee in terms.unit_fees:
        if fee.kind == FeeKind.ONE_TIME or fee.billed != billed:
            continue
        parts = _segments(closing, span, fee, terms, until=span.ends_at)
        if any(one.quantity for one in parts):
            amount, explanation = _priced(fee, parts, terms)
            quantity = Decimal(_quantity(parts, terms))
            taxes = seller.taxes_of(closing.buyer, at=supplied_at, code=fee.tax_code)
            yield _line(fee, span, terms, amount=amount, quantity=quantity, taxes=taxes, explanation=explanation)


def quantity_settlement_lines(closing: PeriodToClose, seller: SellerTerms) -> Iterator[DraftLine]:
    """
    Yield what a period still comes to for what is held, beyond what was claimed in advance of it, or less than that.

    What was claimed for time that a cancellation has cut off since stays claimed, unless it is to be given back; what
    a plan change has cut off is given back.
    """
    span = closing.span
    terms = load_terms(span.version_id, span.currency)
    for fee in terms.unit_fees:
        if fee.kind == FeeKind.ONE_TIME or fee.billed != Billed.ADVANCE:
            continue
        claim = closing.billed_fees.get(fee.fee_id)
        until = _settled_until(closing, claim)
        cumulative, explanation = _cumulative_amount(closing, claim, fee, terms, until=until)
        before = claim.amount if claim else ZERO
        amount = EXACT.subtract(cumulative, before)
        if claim and amount < 0:
            amount = claim.credit_for(amount, span.currency)
        if amount:
            explanation |= settlement_workings(cumulative, claim, amount, span.currency)
            taxes = claim.taxes if claim else seller.taxes_of(closing.buyer, at=span.starts_at, code=fee.tax_code)
            line = _line(fee, span, terms, amount=amount, quantity=ONE, taxes=taxes, explanation=explanation)
            line.unit = ""
            line.kind, line.description, line.service_end = "proration", f"{line.description} (change)", until
            yield line


def settlement_workings(
    cumulative: Decimal, claim: BilledFee | None, amount: Decimal, currency: str
) -> dict[str, str]:
    """Return the workings of what is settled: what a fee comes to, and what was claimed and left by coupons of it."""
    before = round_money(claim.amount if claim else ZERO, currency)
    told = {"cumulative": f"{cumulative:f}", "claimed_before": f"{before:f}"}
    formula = f"{cumulative:f} − {before:f}"
    if claim and amount < 0 and claim.net != claim.amount:
        told["net_before"] = to_plain_string(claim.net)
        formula = f"({formula}) × {round_money(claim.net, currency):f} ÷ {before:f}"
    if claim and amount < 0 and (given := amount - claim.net_share_of(cumulative - claim.amount, currency)):
        told["given_before"] = to_plain_string(given)
        formula = f"{formula} + {given:f}"
    return told | {"formula": formula}


def unsettled_quantity_fees(closing: PeriodToClose) -> Iterator[tuple[FeeTerms, Decimal]]:
    """Yield what each fee for what is held still comes to in a closed period; all its claims are in `claimed`."""
    span = closing.span
    terms = load_terms(span.version_id, span.currency)
    for fee in terms.unit_fees:
        claim = closing.billed_fees.get(fee.fee_id)
        if fee.kind == FeeKind.ONE_TIME:
            cumulative = max(_added_units(closing, span, fee, is_start=False), 0) * fee.amount
            left = round_money(cumulative, span.currency)
        else:
            cumulative, _ = _cumulative_amount(closing, claim, fee, terms, until=_settled_until(closing, claim))
            left = EXACT.subtract(cumulative, claim.amount if claim else ZERO)
        if left:
            yield fee, left


def one_time_quantity_lines(
    closing: PeriodToClose, span: RatingPeriod, seller: SellerTerms, *, is_start: bool
) -> Iterator[DraftLine]:
    """
    Yield the lines of one-time fees for what is held more at the end of a period than before it.

    opens: whether the subscription begins with the period, which has only begun: what it starts with, in advance.
    """
    terms = load_terms(span.version_id, span.currency)
    for fee in terms.unit_fees:
        if fee.kind != FeeKind.ONE_TIME or (is_start and fee.billed != Billed.ADVANCE):
            continue
        count = _added_units(closing, span, fee, is_start=is_start)
        if count > 0:
            full = to_plain_string(fee.amount)
            supplied_at = span.starts_at if is_start else last_instant(span.ends_at)
            taxes = seller.taxes_of(closing.buyer, at=supplied_at, code=fee.tax_code)
            yield _line(
                fee,
                span,
                terms,
                amount=round_money(EXACT.multiply(fee.amount, Decimal(count)), span.currency),
                quantity=Decimal(count),
                taxes=taxes,
                explanation={"fee": full, "taken": str(count), "formula": f"{count} × {full}"},
            )


def _settled_until(closing: PeriodToClose, claim: BilledFee | None) -> datetime:
    """Return until when a period is settled: one that ends early is paid for whole, unless that is given back."""
    ends_at = closing.span.ends_at
    is_exact = claim is None or closing.next_period is not None or closing.credits_unused_time
    return ends_at if is_exact else max(ends_at, claim.service_end)


def _cumulative_amount(
    closing: PeriodToClose, claim: BilledFee | None, fee: FeeTerms, terms: VersionTerms, *, until: datetime
) -> tuple[Decimal, dict[str, object]]:
    """
    Return what a fee comes to in a period up to a moment, and the workings.

    Where more was claimed, it is the whole less the rest, as that would be claimed anew: see `fees`.
    """
    span = closing.span
    parts = _segments(closing, span, fee, terms, until=until)
    amount, explanation = _priced(fee, parts, terms)
    if claim is None or claim.service_end <= until or terms.proration == "none":
        return amount, explanation
    rest = _segments(closing, span, fee, terms, since=until, until=claim.service_end)
    whole, _ = _priced(fee, (*parts, *rest), terms)
    left, told = _priced(fee, rest, terms)
    return EXACT.subtract(whole, left), explanation | {"left": told["segments"]}


def _added_units(closing: PeriodToClose, span: RatingPeriod, fee: FeeTerms, *, is_start: bool) -> int:
    changes = closing.quantity_changes.get(fee.code, ())
    if is_start:
        return billable_units(quantity_at(changes, span.starts_at, default=fee.least), fee.included)
    claim = closing.billed_fees.get(fee.fee_id)
    count = count_added_units(
        changes,
        default=fee.least,
        start=span.starts_at,
        end=span.ends_at,
        included=fee.included,
        is_first=closing.is_first,
    )
    return count - int(claim.quantity if claim else 0)


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
        closing.quantity_changes.get(fee.code, ()),
        default=fee.least,
        start=since or span.starts_at,
        # Where the customer's zone has changed, a period may reach over the edge of the interval it begins in.
        end=min(until, full_end),
        full_start=full_start,
        full_end=full_end,
        by=terms.proration,  # type: ignore[arg-type]
        zone=ZoneInfo(zone),
    )


def _quantity(parts: tuple[Segment, ...], terms: VersionTerms) -> int:
    """Return how many units a line is for: those held at the end, or the most at once where that is charged."""
    return max(one.quantity for one in parts) if terms.proration == "none" else parts[-1].quantity


def _priced(fee: FeeTerms, parts: tuple[Segment, ...], terms: VersionTerms) -> tuple[Decimal, dict[str, object]]:
    """Return what a fee comes to in these parts of a period, rounded once, and its explanation."""
    by = terms.proration
    exact = price_segments(fee.amount, parts, included=fee.included, by=by)  # type: ignore[arg-type]
    charged = [(billable_units(one.quantity, fee.included), one.share) for one in parts]
    if by == "none":
        charged = [(max((units for units, _ in charged), default=0), Fraction(1))]
    return round_money(exact, terms.currency), {
        "fee": to_plain_string(fee.amount),
        "included": str(fee.included),
        "segments": [
            {
                "quantity": str(one.quantity),
                "billable": str(billable_units(one.quantity, fee.included)),
                "from": one.start.isoformat(),
                "to": one.end.isoformat(),
                "share": str(one.share),
            }
            for one in parts
        ],
        "formula": _formula(to_plain_string(fee.amount), charged, by),
    }


def _formula(full: str, charged: list[tuple[int, Fraction]], by: str) -> str:
    if len(charged) == 1 and charged[0][1] == 1:
        return f"{charged[0][0]} × {full}"
    return f"({' + '.join(f'{units} × {share}' for units, share in charged)}) × {full}, {PRORATION_TEXTS[by]}"


def _line(
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
