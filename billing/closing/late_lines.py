"""
Lines for usage that came after its period was billed: cumulative, minus what was billed.

The period is rated anew with everything it holds by now, so tiers, allowances and rounding come out as if the usage
had been there from the start; a line claims the difference. docs/decisions/0001-late-events.md tells why.
"""

from collections.abc import Iterator
from decimal import Decimal

from billing.closing.facts import Billed, Buyer, Late, Snapshot
from billing.closing.recipes import recipe_of
from billing.closing.sellers import SellerTerms, last_instant
from billing.closing.usage_lines import described, earlier_of, explained, rated, since_before
from billing.usage.counted import NOTHING
from billing.usage.due import Due
from invoices.drafts import DraftLine
from plans.pricing.exact import EXACT
from plans.pricing.rating import nothing
from plans.terms import FREE_RATE

NOTHING_BILLED = Billed(Decimal(0), NOTHING)


def late_lines(late: Late, buyer: Buyer, seller: SellerTerms) -> Iterator[tuple[DraftLine, Snapshot]]:
    """
    Yield a line with its snapshot for each counter that changed since it was billed, or that now costs another sum.

    More usage at one rate may change what another comes to, since they share what is included.
    """
    span = late.span
    descriptions = recipe_of(span).descriptions
    tax = seller.tax_of(buyer, at=last_instant(span.ends_at))
    for due in _rated(late):
        feature, window, line, _, counted = due
        rate_id = int(line.rate_key)
        billed = late.billed.get((window, rate_id), NOTHING_BILLED)
        amount = EXACT.subtract(due.amount(span.currency), billed.amount)
        if not amount and counted._replace(values=None) == billed.counted:
            continue
        drafted = DraftLine(
            kind="late_usage",
            description=f"{described(feature, line, descriptions)} (late)",
            service_start=span.starts_at,
            service_end=span.ends_at,
            quantity=EXACT.subtract(counted.used, billed.counted.used),
            unit=feature.unit,
            amount=amount,
            tax=tax,
            explanation=_explanation(late, due, billed),
            plan_feature_id=feature.plan_feature_id,
            rate_id=rate_id if rate_id > FREE_RATE else None,
            subject=f"feature:{feature.code}",
        )
        yield drafted, Snapshot(drafted, span.period_id, window, rate_id, counted, earlier_of(span, feature))


def _rated(late: Late) -> Iterator[Due]:
    """Yield what a late period comes to now, and nothing for what was billed and is due no more: a minimum, say."""
    seen = set()
    for due in rated(late.span, late.counters):
        seen.add((due.window, int(due.line.rate_key)))
        yield due
    features = recipe_of(late.span).features
    for window, rate_id in sorted(late.billed.keys() - seen):
        yield Due(features[window.plan_feature_id], window, nothing(rate_id), None, NOTHING)


def _explanation(late: Late, due: Due, billed: Billed) -> bytes:
    before = since_before(due, late.span.currency, claimed=billed.amount, quantity=billed.counted.used)
    events = str(due.counted.events - billed.counted.events)
    return explained(due.line, due.feature.agreed, **before, events=events)
