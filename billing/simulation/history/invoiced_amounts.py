"""Read the invoiced amounts of closed periods: invoice lines, less credit notes for changed usage or fees."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.closing.lines.section_lines import is_own_line_sql
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.simulation.candidate.prepaid import WalletDemand
from billing.simulation.records import COMMITMENT, COUPON, FEATURE, FEE, ComparableLine, LineKey
from lib.decimals import EXACT, ZERO
from lib.prepared_statements import fetch_rows
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.price_splits import SplitText, value_label
from plans.pricing.rating import BOUND, UNCOVERED

# Grouped by the period whose usage a line bills, because late usage is on a later invoice. The quantity is that of
# the last line, which states the whole usage; amounts add up, with usage credits subtracted.
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
    AND {is_own_line_sql("p", "l")}
JOIN plans_fee f ON f.id = l.fee_id WHERE p.id = ANY(%(periods)s)
UNION ALL
SELECT p.id, f.code, 'proration', c.service_start, c.description, c.quantity, '', -c.amount
FROM billing_period p
JOIN billing_period before ON before.subscription_id = p.subscription_id AND before.ends_at = p.starts_at
    AND before.id <> p.id
JOIN invoices_line l ON l.invoice_id = before.invoice_id AND l.service_start = p.starts_at AND l.fee_id IS NOT NULL
    AND {is_own_line_sql("before", "l")}
JOIN invoices_line c ON c.corrects_line_id = l.id AND c.kind = 'fee_credit'
JOIN plans_fee f ON f.id = l.fee_id AND f.every = 1 WHERE p.id = ANY(%(periods)s)
UNION ALL -- a fee for several periods: credited in the first period after its claim that ends the version's run
SELECT p.id, f.code, 'proration', c.service_start, c.description, c.quantity, '', -c.amount
FROM billing_period p JOIN plans_fee f ON f.version_id = p.version_id AND f.every > 1
JOIN billing_period own ON own.subscription_id = p.subscription_id AND own.ends_at <= p.starts_at
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.fee_id = f.id AND {is_own_line_sql("own", "l")}
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

_DRAWDOWNS = (
    "SELECT period_id, plan_feature_id, cost, overage + refused FROM billing_drawdown WHERE period_id = ANY(%s)"
)

ONE = Decimal(1)


def read_invoiced(spans: Mapping[int, RatingPeriod]) -> dict[int, tuple[ComparableLine, ...]]:
    """Return the invoiced lines of these periods, in four statements."""
    period_ids = list(spans)
    lines_by_period: dict[int, list[ComparableLine]] = {period_id: [] for period_id in period_ids}
    for period_id, code, kind, starts_at, *line in fetch_rows(_FEES, {"periods": period_ids}):
        lines_by_period[period_id].append(ComparableLine(LineKey(f"{FEE}:{code}", kind, starts_at), *line))
    for period_id, plan_feature_id, rate_id, starts_at, text, quantity, amount in fetch_rows(_USAGE, [period_ids]):
        feature = terms_for(spans[period_id]).by_plan_feature[plan_feature_id]
        key = line_key(feature, rate_id, starts_at)
        lines_by_period[period_id].append(ComparableLine(key, text, quantity, feature.unit, amount))
    for period_id, kind, text, amount in fetch_rows(_SETTLEMENTS, [period_ids]):
        lines_by_period[period_id].append(ComparableLine(LineKey(COMMITMENT, kind), text, ONE, "", amount))
    for period_id, code, text, amount in fetch_rows(_COUPONS, [period_ids]):
        lines_by_period[period_id].append(ComparableLine(LineKey(f"{COUPON}:{code}"), text, ONE, "", amount))
    return {period_id: merge_lines(lines) for period_id, lines in lines_by_period.items()}


def read_wallet_demands(spans: Mapping[int, RatingPeriod]) -> dict[int, dict[str, WalletDemand]]:
    """Return period → unit → the demand of its prepaid usage on wallets."""
    demands_by_period: dict[int, dict[str, WalletDemand]] = {}
    for period_id, plan_feature_id, *amounts in fetch_rows(_DRAWDOWNS, [list(spans)]):
        span = spans[period_id]
        unit = load_terms(span.version_id, span.currency).by_plan_feature[plan_feature_id].wallet
        demands = demands_by_period.setdefault(period_id, {})
        demands[unit] = WalletDemand(*map(EXACT.add, demands.get(unit, WalletDemand(ZERO, ZERO)), amounts))
    return demands_by_period


def line_key(feature: FeatureTerms, rate_id: int, starts_at: datetime) -> LineKey:
    """Return the key of a usage line."""
    detail = {BOUND: "minimum or maximum", UNCOVERED: "beyond the wallet"}.get(rate_id)
    if detail is None:
        rates = feature.price.rates if feature.price else ()
        match = next((rate.full_match for rate in rates if rate.key == rate_id), {})
        detail = format_dimensions(match)
    return LineKey(f"{FEATURE}:{feature.code}", detail, starts_at)


def format_dimensions(dimensions: Mapping[str, SplitText] | Mapping[str, str]) -> str:
    """Return dimensions as text: model=large, region=eu."""
    return ", ".join(f"{name}={value_label(text)}" for name, text in sorted(dimensions.items()))


def merge_lines(lines: Sequence[ComparableLine]) -> tuple[ComparableLine, ...]:
    """
    Return one line per key with the amounts added up, in the order of the first; the first line's quantity stays.
    """
    lines_by_key: dict[LineKey, ComparableLine] = {}
    for line in lines:
        earlier = lines_by_key.get(line.key)
        lines_by_key[line.key] = (
            line if earlier is None else earlier._replace(amount=EXACT.add(earlier.amount, line.amount))
        )
    return tuple(lines_by_key.values())
