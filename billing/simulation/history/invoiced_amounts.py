"""What was invoiced of closed periods: claims, less what credit notes took back since usage or fees changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.closing.lines.section_lines import own
from billing.metering.rating_inputs.period_counters import Span
from billing.simulation.candidate.prepaid import Asked
from billing.simulation.records import COMMITMENT, COUPON, FEATURE, FEE, Line, Place
from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FeatureTerms, terms_of
from plans.pricing.rating import BEYOND, BOUND

# By the period whose usage a line bills, whichever document it stands on; quantity as the last line found it.
_USAGE = """
SELECT b.period_id, b.plan_feature_id, b.rate_id, b.window_start,
    (array_agg(l.description ORDER BY b.corrects_line_id > 0, l.id))[1],
    (array_agg(coalesce(b.metered, b.quantity) ORDER BY b.high_water_mark DESC, l.id DESC))[1],
    sum(CASE b.corrects_line_id WHEN 0 THEN l.amount ELSE -l.amount END)
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%s) GROUP BY 1, 2, 3, 4 ORDER BY min(l.id)
"""

_FEES = f"""
SELECT p.id, f.code, l.kind, l.service_start, l.description, l.quantity, l.unit, l.amount
FROM billing_period p JOIN invoices_line l ON l.invoice_id = p.invoice_id AND l.fee_id IS NOT NULL
    AND {own("p", "l")}
JOIN plans_fee f ON f.id = l.fee_id WHERE p.id = ANY(%(periods)s)
UNION ALL
SELECT p.id, f.code, 'proration', c.service_start, c.description, c.quantity, '', -c.amount
FROM billing_period p
JOIN billing_period before ON before.subscription_id = p.subscription_id AND before.ends_at = p.starts_at
    AND before.id <> p.id
JOIN invoices_line l ON l.invoice_id = before.invoice_id AND l.service_start = p.starts_at AND l.fee_id IS NOT NULL
    AND {own("before", "l")}
JOIN invoices_line c ON c.corrects_line_id = l.id AND c.kind = 'fee_credit'
JOIN plans_fee f ON f.id = l.fee_id AND f.every = 1 WHERE p.id = ANY(%(periods)s)
UNION ALL -- of a fee for several periods, with the first one after its claim that no other by its version follows
SELECT p.id, f.code, 'proration', c.service_start, c.description, c.quantity, '', -c.amount
FROM billing_period p JOIN plans_fee f ON f.version_id = p.version_id AND f.every > 1
JOIN billing_period own ON own.subscription_id = p.subscription_id AND own.ends_at <= p.starts_at
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.fee_id = f.id AND {own("own", "l")}
JOIN invoices_line c ON c.corrects_line_id = l.id AND c.kind = 'fee_credit'
WHERE p.id = ANY(%(periods)s) AND own.kind <> 'undone' AND p.id = (
    SELECT e.id FROM billing_period e
    WHERE e.subscription_id = p.subscription_id AND e.kind = 'regular' AND e.version_id = p.version_id
        AND e.starts_at >= l.service_start AND NOT EXISTS (
            SELECT FROM billing_period n WHERE n.subscription_id = e.subscription_id AND n.kind = 'regular'
                AND n.version_id = e.version_id AND n.starts_at = e.ends_at)
    ORDER BY e.starts_at LIMIT 1)
"""  # noqa: S608

_SETTLEMENTS = """
SELECT s.period_id, l.kind, l.description, l.amount FROM billing_settlement s JOIN invoices_line l ON l.id = s.line_id
WHERE s.period_id = ANY(%s) ORDER BY l.id
"""

_COUPONS = """
SELECT k.period_id, c.code, l.description, l.amount FROM billing_couponline k
JOIN invoices_line l ON l.id = k.line_id JOIN billing_redemption r ON r.id = k.redemption_id
JOIN plans_coupon c ON c.id = r.coupon_id WHERE k.period_id = ANY(%s) ORDER BY l.id
"""

_ASKED = "SELECT period_id, plan_feature_id, cost, overage + refused FROM billing_drawdown WHERE period_id = ANY(%s)"

ONE = Decimal(1)


def read_invoiced(spans: Mapping[int, Span]) -> dict[int, tuple[Line, ...]]:
    """Return what was invoiced of these periods, line by line, in four statements."""
    ids = list(spans)
    found: dict[int, list[Line]] = {id_: [] for id_ in ids}
    for period_id, code, kind, starts_at, *line in _rows(_FEES, {"periods": ids}):
        found[period_id].append(Line(Place(f"{FEE}:{code}", kind, starts_at), *line))
    for period_id, plan_feature_id, rate_id, starts_at, text, quantity, amount in _rows(_USAGE, [ids]):
        span = spans[period_id]
        feature = terms_of(span.version_id, span.currency).by_plan_feature[plan_feature_id]
        place = place_of(feature, rate_id, starts_at)
        found[period_id].append(Line(place, text, quantity, feature.unit, amount))
    for period_id, kind, text, amount in _rows(_SETTLEMENTS, [ids]):
        found[period_id].append(Line(Place(COMMITMENT, kind), text, ONE, "", amount))
    for period_id, code, text, amount in _rows(_COUPONS, [ids]):
        found[period_id].append(Line(Place(f"{COUPON}:{code}"), text, ONE, "", amount))
    return {id_: together(lines) for id_, lines in found.items()}


def read_asked(spans: Mapping[int, Span]) -> dict[int, dict[str, Asked]]:
    """Return period → unit → what its prepaid use has asked of wallets."""
    found: dict[int, dict[str, Asked]] = {}
    for period_id, plan_feature_id, *asked in _rows(_ASKED, [list(spans)]):
        span = spans[period_id]
        unit = terms_of(span.version_id, span.currency).by_plan_feature[plan_feature_id].wallet
        of_period = found.setdefault(period_id, {})
        of_period[unit] = Asked(*map(EXACT.add, of_period.get(unit, Asked(ZERO, ZERO)), asked))
    return found


def place_of(feature: FeatureTerms, rate_id: int, starts_at: datetime) -> Place:
    """Return what a line of usage is about."""
    detail = {BOUND: "minimum or maximum", BEYOND: "beyond the wallet"}.get(rate_id)
    if detail is None:
        rates = feature.price.rates if feature.price else ()
        match = next((rate.match for rate in rates if rate.key == rate_id), ())
        detail = told(dict(match))
    return Place(f"{FEATURE}:{feature.code}", detail, starts_at)


def told(dimensions: Mapping[str, str]) -> str:
    """Return dimensions as text: model=large, region=eu."""
    return ", ".join(f"{name}={text}" for name, text in sorted(dimensions.items()))


def together(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return one line for each place, in the order of the first; quantities of fees and coupons stay as they are."""
    found: dict[Place, Line] = {}
    for line in lines:
        known = found.get(line.place)
        found[line.place] = line if known is None else known._replace(amount=EXACT.add(known.amount, line.amount))
    return tuple(found.values())


def _rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
