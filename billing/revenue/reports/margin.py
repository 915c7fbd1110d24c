"""The margin of usage: revenue less the seller's cost of the same hours: docs/revenue-reports.md#margin."""

from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.reports.entries import MOVEMENTS, entries_sql, entry_parameters
from billing.revenue.reports.income import DIMENSIONS
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, Value
from billing.revenue.reports.waterfall import add_up
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO
from lib.money import round_money

MOST_ROWS = 200
"""Rows of a page and its file; the API returns as many. Smaller ones are added up in one."""

_REVENUE = """
SELECT {expression}, -sum(e.change) FROM ({movements}) e
WHERE e.role = 'revenue' AND e.feature_id IS NOT NULL AND e.month BETWEEN %(since)s AND %(to)s
    AND e.currency = %(currency)s
GROUP BY 1
"""
# Of several costs in force, the one for the most dimensions holds. Only meters whose quantities add up have a cost.
_COST = """
SELECT {expression}, sum(h.quantity * u.cost)
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id AND s.currency = %(currency)s
JOIN customers_customer c ON c.id = s.customer_id AND s.seller_id = %(seller)s AND NOT c.sandbox
JOIN plans_planversion v ON v.id = p.version_id
JOIN billing_series x ON x.period_id = p.id
JOIN plans_meter m ON m.id = x.meter_id AND m.aggregation IN ('count', 'sum')
JOIN billing_hourlyusage h ON h.series_id = x.id AND h.bucket >= %(from)s AND h.bucket < %(end)s
CROSS JOIN LATERAL (
    SELECT k.cost FROM plans_unitcost k
    WHERE k.meter_id = x.meter_id AND k.currency = %(currency)s AND x.dimensions @> k.match
        AND k.valid_from <= h.bucket AND (k.valid_to IS NULL OR k.valid_to > h.bucket)
    ORDER BY (SELECT count(*) FROM jsonb_object_keys(k.match)) DESC, k.id LIMIT 1
) u
LEFT JOIN LATERAL (
    SELECT g.feature_id FROM plans_planfeature g JOIN plans_feature f ON f.id = g.feature_id
    WHERE g.version_id = p.version_id AND f.meter_id = x.meter_id ORDER BY g.position LIMIT 1
) g ON true
WHERE p.ends_at > %(from)s AND p.starts_at < %(end)s
GROUP BY 1
"""
_OF_COST = {"feature": "g.feature_id", "customer": "c.id", "plan": "v.plan_id"}


def report_margin(
    seller: Seller,
    *,
    currency: str,
    by: str = "feature",
    at: datetime,
    since: date | None = None,
    until: date | None = None,
) -> Report:
    """
    Return revenue, cost and margin of usage by feature, customer or plan, the largest revenue first.

    Default: the running month. Costs count in the currency of the subscription only.
    """
    dimension, books = DIMENSIONS[by], read_books(seller, at=at)
    since, until = since or books.months[-1], until or books.months[-1]
    first, last = books.place_of(since), books.place_of(until)
    movements = MOVEMENTS.format(entries=entries_sql(books, tells_customers=dimension.tells_customers))
    values = entry_parameters(books, since=since, until=until) | {
        "currency": currency,
        "since": since,
        "to": until,
        "from": books.ends[first - 2] if first > 1 else datetime.min.replace(tzinfo=at.tzinfo),
        "end": books.ends[last - 1],
    }
    revenue = dict(sql.fetch_rows(_REVENUE.format(expression=dimension.expression, movements=movements), values))
    costs = dict(sql.fetch_rows(_COST.format(expression=_OF_COST[by]), values))
    keys = sorted({*revenue, *costs}, key=lambda key: (-revenue.get(key, ZERO), str(key)))
    names = dimension.names(list(keys[:MOST_ROWS]))
    rows = [
        _row(names.get(key, str(_("None"))), revenue.get(key, ZERO), costs.get(key, ZERO), currency)
        for key in keys[:MOST_ROWS]
    ]
    if rest := keys[MOST_ROWS:]:
        sums = [sum((figures.get(key, ZERO) for key in rest), ZERO) for figures in (revenue, costs)]
        rows.append(_row(str(_("Other")), sums[0], sums[1], currency))
    columns = [
        ReportColumn("name", _(by.capitalize()), Measure.TEXT),
        ReportColumn("revenue", _("Revenue")),
        ReportColumn("cost", _("Cost")),
        ReportColumn("margin", _("Margin"), is_total=True),
        ReportColumn("percent", _("Margin %"), Measure.PERCENT),
    ]
    total = add_up(rows, columns[:-1], lambda: str(_("Total")))
    revenue_sum, margin_sum = total.values["revenue"], total.values["margin"]
    assert isinstance(revenue_sum, Decimal) and isinstance(margin_sum, Decimal)  # noqa: S101, PT018  sums of amounts
    rows.append(Row({**total.values, "percent": _percent(margin_sum, revenue_sum)}, is_total=True))
    return Report("margin", currency, at, columns, rows, locked_until=max(books.locks, default=None))


def _row(name: str, revenue: Decimal, exact_cost: Decimal, currency: str) -> Row:
    cost = round_money(exact_cost, currency)
    margin = EXACT.subtract(revenue, cost)
    values: dict[str, Value] = {"name": name, "revenue": revenue, "cost": cost, "margin": margin}
    return Row(values | {"percent": _percent(margin, revenue)})


def _percent(margin: Decimal, revenue: Decimal) -> Decimal | None:
    """Return the margin in percent of the revenue, with one decimal place; None without revenue."""
    return round(margin * 100 / revenue, 1) if revenue else None
