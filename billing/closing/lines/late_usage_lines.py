"""
Lines for usage that came after its period was billed: cumulative, minus what was billed.

The period is rated anew with everything it holds by now, so tiers, allowances and rounding come out as if the usage
had been there from the start; a line claims the difference. docs/decisions/0001-late-events.md tells why.
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
    rate_period,
    special_case_notes,
    usage_workings,
)
from billing.closing.records import BilledAmount, BilledUsageLine, LatePeriod, UsageCredit, UsageSnapshot
from billing.metering.rating_inputs.period_counters import EMPTY_COUNTER, RatingPeriod
from billing.metering.rating_inputs.window_amounts import WindowCharge
from invoices.documents.buyer_details import Buyer
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.catalog.stored_terms import FREE_RATE
from plans.pricing.rating import empty_line

NOTHING_BILLED = BilledAmount(Decimal(0), EMPTY_COUNTER)


class UsageDifference(NamedTuple):
    """
    What one counter comes to beyond what was claimed of it, as a line of the next document.

    back: the part of its amount that takes a claim back, and that a credit note could take back instead.
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
) -> Iterator[UsageDifference]:
    """
    Yield what each counter comes to that changed since it was billed, or that now costs another sum.

    kind, suffix: of the lines, and behind what they say. supplied_at: which day's taxes they fall under; that of the
    period's end where None.

    More usage at one rate may change what another comes to, since they share what is included.
    """
    span = late_period.span
    descriptions = line_templates(span).descriptions
    supplied_at = supplied_at or last_instant(span.ends_at)
    for due in _rate_late_period(late_period):
        feature, window, line, _, counted = due
        rate_id = int(line.rate_key)
        billed = late_period.billed.get((window, rate_id), NOTHING_BILLED)
        amount, back = amount_owed(due.amount(span.currency), billed, span.currency)
        if not amount and counted._replace(values=None) == billed.counted:
            continue
        is_first = kind == "usage" and billed is NOTHING_BILLED
        drafted = DraftLine(
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
            rate_id=rate_id if rate_id > FREE_RATE else None,
            subject=f"feature:{feature.code}",
        )
        snapshot = UsageSnapshot(drafted, span.period_id, window, rate_id, counted, earlier_usage_json(span, feature))
        yield UsageDifference(drafted, snapshot, back, billed.lines)


def amount_owed(cumulative: Decimal, billed: BilledAmount, currency: str) -> tuple[Decimal, Decimal]:
    """
    Return what is to be billed beyond what was claimed, and the part of it that takes a claim back.

    cumulative: what all of the counter comes to now, rounded.

    What usage comes to less is given back as it was invoiced: a coupon's share of it is not, and neither is what a
    person has given back. Where usage rises again, that is not claimed a second time.
    """
    standing = EXACT.subtract(billed.amount, billed.waived)
    if cumulative >= standing:
        return max(EXACT.subtract(cumulative, billed.amount), ZERO), ZERO
    below_zero = EXACT.subtract(min(cumulative, ZERO), min(standing, ZERO))
    fall = EXACT.add(EXACT.subtract(standing, cumulative), below_zero)
    back = -_invoiced_amount(fall, billed.lines, currency)
    return EXACT.add(back, below_zero), back


def _invoiced_amount(fall: Decimal, claims: Sequence[BilledUsageLine], currency: str) -> Decimal:
    """Return what was invoiced for so much of these claims, the latest first, and was not given back or set off."""
    rest, found = Fraction(fall), ZERO
    for claim in claims:
        if claim.uncredited > 0:
            share = Fraction(claim.net) / Fraction(claim.amount)
            taken = min(round_money(rest * share, currency), claim.uncredited)
            found = EXACT.add(found, taken)
            rest = max(rest - Fraction(claim.uncredited) / share, Fraction(0))
    return min(found, max(sum((claim.uncredited for claim in claims), ZERO), ZERO))


def split_off_credits(
    difference: UsageDifference,
) -> tuple[Sequence[UsageCredit], tuple[DraftLine, UsageSnapshot] | None]:
    """
    Return what credit notes take back of the claims, the latest first, and the line for what they do not.

    A change of the quantity that costs nothing is a line as well.
    """
    snapshot, credits, left = difference.snapshot, [], -difference.credited_part
    for claim in difference.billed_lines:
        if (taken := min(left, claim.uncredited)) > 0:
            credits.append(UsageCredit(claim, taken, snapshot))
            left -= taken
    rest = EXACT.subtract(difference.amount, difference.credited_part)
    if credits and not rest:
        return credits, None
    line = msgspec.structs.replace(difference.line, amount=rest)
    return credits, (line, msgspec.structs.replace(snapshot, line=line))


def _rate_late_period(late: LatePeriod) -> Iterator[WindowCharge]:
    """Yield what a late period comes to now, and nothing for what was billed and is due no more: a minimum, say."""
    seen = set()
    for due in rate_period(late.span, late.counters):
        seen.add((due.window, int(due.line.rate_key)))
        yield due
    features = line_templates(late.span).features
    for window, rate_id in sorted(late.billed.keys() - seen):
        yield WindowCharge(features[window.plan_feature_id], window, empty_line(rate_id), None, EMPTY_COUNTER)


def _first_workings(span: RatingPeriod, due: WindowCharge) -> bytes:
    """Return the workings of usage that nothing was billed of yet."""
    told = special_case_notes(span, due.feature, due.line.rate_key)
    return usage_workings(
        due.line, due.feature.overridden, **told | (cumulative_workings(due, span.currency) if due.before else {})
    )


def _difference_workings(late: LatePeriod, due: WindowCharge, billed: BilledAmount, amount: Decimal) -> bytes:
    currency = late.span.currency
    given = EXACT.subtract(amount, EXACT.subtract(due.amount(currency), billed.amount))
    more = special_case_notes(late.span, due.feature, due.line.rate_key) | cumulative_workings(
        due, currency, claimed=billed.amount, quantity=billed.counted.used, given=given
    )
    events = str(due.counted.events - billed.counted.events)
    return usage_workings(due.line, due.feature.overridden, **more, events=events)
