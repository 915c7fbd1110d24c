"""
Lines for late usage: the cumulative amount minus the billed amount.

The period is rated again with all its usage, so tiers, allowances and rounding are as if the usage had arrived in
time; a line bills the difference. docs/decisions/0001-late-events.md gives the reasons.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from billing.closing.lines.line_templates import line_templates
from billing.closing.lines.usage_lines import (
    cumulative_workings,
    earlier_usage_json,
    line_description,
    priced_rate_id,
    rate_period,
    special_case_notes,
    usage_workings,
)
from billing.closing.records import BilledAmount, BilledUsageLine, LatePeriod, UsageCredit, UsageSnapshot
from billing.metering.rating_inputs.rating_period import EMPTY_COUNTER, RatingPeriod
from billing.metering.rating_inputs.window_amounts import WindowCharge
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from invoices.tax.buyer_details import Buyer
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.pricing.rating import empty_line

NOTHING_BILLED = BilledAmount(Decimal(0), EMPTY_COUNTER)


class UsageDifference(NamedTuple):
    """
    The difference between a counter's amount and its billed amount, as a line of the next invoice.

    credited_part: the part of the amount that takes billed amounts back, which a credit note could do instead.
    billed_lines: the lines that billed the counter.
    """

    line: DraftLine
    snapshot: UsageSnapshot
    credited_part: Decimal
    billed_lines: tuple[BilledUsageLine, ...]

    @property
    def amount(self) -> Decimal:
        return self.line.amount


def usage_differences(
    late_period: LatePeriod,
    buyer: Buyer,
    seller: SellerTerms,
    *,
    kind: str = "late_usage",
    suffix: str = " (late)",
    supplied_at: datetime | None = None,
    is_final: bool = True,
) -> Iterator[UsageDifference]:
    """
    Yield the difference of each counter that changed since it was billed or that now has another price.

    kind, suffix: kind of the lines, and text added to their descriptions.
    supplied_at: date that determines the taxes; the end of the period if None.
    is_final: False while usage may follow, so that no minimum is due yet.

    More usage at one rate may change the amount of another, because rates share the allowance.
    """
    span = late_period.span
    descriptions = line_templates(span).descriptions
    supplied_at = supplied_at or last_instant(span.ends_at)
    for due in _rate_late_period(late_period, is_final=is_final):
        feature, window, line, _, counted = due
        rate_id = int(line.rate_key)
        billed = late_period.billed.get((window, rate_id), NOTHING_BILLED)
        amount, credited_part = amount_owed(due.amount(span.currency), billed, span.currency)
        # Billed as it is now; `values` are not stored with a snapshot, so they are left out of the comparison.
        if not amount and counted._replace(values=None) == billed.counted:
            continue
        # Usage that no threshold invoice has billed gets the same line as in a period without thresholds.
        is_first = kind == "usage" and billed is NOTHING_BILLED
        draft_line = DraftLine(
            kind=kind,
            description=f"{line_description(span, feature, line, descriptions)}{suffix}",
            service_start=span.starts_at,
            service_end=span.ends_at,
            quantity=due.quantity if is_first else EXACT.subtract(counted.used, billed.counted.used),
            unit=feature.unit,
            amount=amount,
            taxes=seller.taxes_of(buyer, at=supplied_at, code=feature.tax_code),
            explanation=_first_workings(span, due)
            if is_first
            else _difference_workings(late_period, due, billed, amount),
            plan_feature_id=feature.plan_feature_id,
            rate_id=priced_rate_id(rate_id),
            subject=f"feature:{feature.code}",
        )
        snapshot = UsageSnapshot(
            draft_line, span.period_id, window, rate_id, counted, earlier_usage_json(span, feature)
        )
        yield UsageDifference(draft_line, snapshot, credited_part, billed.lines)


def amount_owed(cumulative: Decimal, billed: BilledAmount, currency: str) -> tuple[Decimal, Decimal]:
    """
    Return the amount due beyond the billed amount, and the part of it that takes billed amounts back.

    cumulative: the counter's total amount as of now, rounded.

    A decrease is credited as it was invoiced: without the share that a coupon covered or that was credited by hand.
    If usage rises again, that share is not billed a second time.
    """
    unwaived = EXACT.subtract(billed.amount, billed.waived)
    if cumulative >= unwaived:
        return max(EXACT.subtract(cumulative, billed.amount), ZERO), ZERO
    below_zero = EXACT.subtract(min(cumulative, ZERO), min(unwaived, ZERO))
    decrease = EXACT.add(EXACT.subtract(unwaived, cumulative), below_zero)
    credited_part = -_invoiced_amount(decrease, billed.lines, currency)
    return EXACT.add(credited_part, below_zero), credited_part


def _invoiced_amount(decrease: Decimal, billed_lines: Sequence[BilledUsageLine], currency: str) -> Decimal:
    """
    Return how much of a decrease these lines invoiced, the latest first, as far as it is neither credited nor set
    off.
    """
    rest, invoiced = Fraction(decrease), ZERO
    for billed_line in billed_lines:
        if billed_line.uncredited > 0:
            share = Fraction(billed_line.net) / Fraction(billed_line.amount)
            line_part = min(round_money(rest * share, currency), billed_line.uncredited)
            invoiced = EXACT.add(invoiced, line_part)
            rest = max(rest - Fraction(billed_line.uncredited) / share, Fraction(0))
    return min(invoiced, max(sum((line.uncredited for line in billed_lines), ZERO), ZERO))


def split_off_credits(
    difference: UsageDifference,
) -> tuple[Sequence[UsageCredit], tuple[DraftLine, UsageSnapshot] | None]:
    """
    Return the credits of billed lines, the latest first, and a line for the rest.

    A change of quantity that costs nothing still gets a line.
    """
    snapshot, credits, uncovered = difference.snapshot, [], -difference.credited_part
    for billed_line in difference.billed_lines:
        if (credited := min(uncovered, billed_line.uncredited)) > 0:
            credits.append(UsageCredit(billed_line, credited, snapshot))
            uncovered -= credited
    if not difference.credited_part:
        return credits, (difference.line, snapshot)
    rest = EXACT.subtract(difference.amount, difference.credited_part)
    if credits and not rest:
        return credits, None
    line = msgspec.structs.replace(difference.line, amount=rest)
    return credits, (line, msgspec.structs.replace(snapshot, line=line))


def _rate_late_period(late_period: LatePeriod, *, is_final: bool) -> Iterator[WindowCharge]:
    """
    Yield the charges of a late period as of now, and a zero charge for each that was billed and is no longer due,
    such as a minimum.
    """
    rated_keys = set()
    for due in rate_period(late_period.span, late_period.counters, is_final=is_final):
        rated_keys.add((due.window, int(due.line.rate_key)))
        yield due
    features = line_templates(late_period.span).features
    for window, rate_id in sorted(late_period.billed.keys() - rated_keys):
        yield WindowCharge(features[window.plan_feature_id], window, empty_line(rate_id), None, EMPTY_COUNTER)


def _first_workings(span: RatingPeriod, due: WindowCharge) -> bytes:
    """Return the workings of usage of which nothing was billed yet."""
    notes = special_case_notes(span, due.feature, due.line.rate_key)
    return usage_workings(
        due.line, due.feature.overridden, **notes | (cumulative_workings(due, span.currency) if due.before else {})
    )


def _difference_workings(late_period: LatePeriod, due: WindowCharge, billed: BilledAmount, amount: Decimal) -> bytes:
    currency = late_period.span.currency
    given = EXACT.subtract(amount, EXACT.subtract(due.amount(currency), billed.amount))
    notes = special_case_notes(late_period.span, due.feature, due.line.rate_key) | cumulative_workings(
        due, currency, claimed=billed.amount, quantity=billed.counted.used, given=given
    )
    events = str(due.counted.events - billed.counted.events)
    return usage_workings(due.line, due.feature.overridden, **notes, events=events)
