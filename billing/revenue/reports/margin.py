"""The margin of usage: revenue less the seller's cost of the same hours: docs/revenue-reports.md#margin."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.filters import read_choice, read_month, unknown
from billing.revenue.reports.income import DIMENSIONS
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList, Value
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money

MOST_ROWS = 200
"""Rows of a page, those with the largest revenue first. The others are added up in one row."""

PAGE_SIZE = 100
"""Costs on a page of the list behind a figure."""

_REVENUE = """
SELECT {expression}, -sum(e.change) FROM ({movements}) e
WHERE e.role = 'revenue' AND e.feature_id IS NOT NULL AND e.month BETWEEN %(since)s AND %(to)s
    AND e.currency = %(currency)s
GROUP BY 1
"""
# Of several costs in force, the one for the most dimensions holds. Only meters whose quantities add up have a cost.
_HOURS = """
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
"""
_COST = f"SELECT {{expression}}, sum(h.quantity * u.cost) {_HOURS} GROUP BY 1"
_COST_ROWS = f"""
SELECT c.id, m.name, x.dimensions::text, sum(h.quantity), u.cost, sum(h.quantity * u.cost),
    sum(sum(h.quantity * u.cost)) OVER (), count(*) OVER ()
{_HOURS} AND (%(key)s::text IS NULL OR coalesce(({{expression}})::text, 'None') = %(key)s)
    AND NOT coalesce(({{expression}})::text, 'None') = ANY(%(others)s::text[])
GROUP BY 1, m.id, 2, 3, u.cost ORDER BY 6 DESC, 1, 2, 3, 5 LIMIT {PAGE_SIZE} OFFSET %(offset)s
"""
_OF_COST = {"feature": "g.feature_id", "customer": "c.id", "plan": "v.plan_id"}


@dataclass(frozen=True, slots=True)
class CostRow:
    """
    The cost of a customer's usage with the same dimensions at one unit cost.

    dimensions: name → value, as in the events. amount: quantity × unit cost, exactly.
    """

    customer_id: int
    meter: str
    dimensions: dict[str, str]
    quantity: Decimal
    unit_cost: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CostPage:
    """A page of costs, the largest first. total, count: of all pages; the report rounds the total once."""

    rows: tuple[CostRow, ...]
    total: Decimal
    count: int


def report_margin(
    seller: Seller,
    *,
    currency: str,
    by: str = "feature",
    at: datetime,
    since: date | None = None,
    until: date | None = None,
    page: int = 1,
) -> Report:
    """
    Return revenue, cost and margin of usage by feature, customer or plan, the largest revenue first.

    Default: the running month. Costs count in the currency of the subscription only.
    """
    dimension, books = DIMENSIONS[by], read_books(seller, at=at)
    since, until = since or books.months[-1], until or books.months[-1]
    movements = movements_sql(books, "currency", "feature_id", *dimension.columns)
    span = {"since": since, "to": until}
    values = entry_parameters(books, since=since, until=until) | {"currency": currency} | span
    revenue = dict(sql.fetch_rows(_REVENUE.format(expression=dimension.expression, movements=movements), values))
    costs = dict(sql.fetch_rows(_COST.format(expression=_OF_COST[by]), _hours(books, currency, since, until)))
    keys = sorted({*revenue, *costs}, key=lambda key: (-revenue.get(key, ZERO), str(key)))
    shown = keys[(page - 1) * MOST_ROWS : page * MOST_ROWS]
    names = dimension.names(shown)
    months = {"since": f"{since:%Y-%m}", "until": f"{until:%Y-%m}"}
    rows = [
        _row(
            names.get(key, str(_("None"))),
            revenue.get(key, ZERO),
            costs.get(key, ZERO),
            currency,
            months | {"usage": f"{by}:{key}"},
        )
        for key in shown
    ]
    if rest := [key for key in keys if key not in shown]:
        sums = [exact_sum(figures.get(key, ZERO) for key in rest) for figures in (revenue, costs)]
        others = months | {"usage_other_than": f"{by}:{','.join(map(str, shown))}"}
        rows.append(_row(str(_("Other")), sums[0], sums[1], currency, others))
    # Rounded from its exact sum, like the list of costs behind it.
    total = [exact_sum(figures.values()) for figures in (revenue, costs)]
    rows.append(_row(str(_("Total")), total[0], total[1], currency, months | {"usage": ""}, is_total=True))
    columns = [
        ReportColumn("name", _(by.capitalize()), Measure.TEXT),
        ReportColumn("revenue", _("Revenue")),
        ReportColumn("cost", _("Cost"), rows=RowList.COSTS),
        ReportColumn("margin", _("Margin"), is_total=True, rows=RowList.COSTS),
        ReportColumn("percent", _("Margin %"), Measure.PERCENT, rows=RowList.COSTS),
    ]
    return Report(
        "margin",
        currency,
        at,
        columns,
        rows,
        locked_until=max(books.locks, default=None),
        more_rows=max(len(keys) - page * MOST_ROWS, 0),
    )


def read_costs(seller: Seller, *, currency: str, filters: Mapping[str, str], at: datetime, page: int = 1) -> CostPage:
    """
    Return a page of the costs behind a figure of the margin report.

    filters: `since`, `until`: months; default: the running one. `usage`: a division and its key, such as feature:7;
        empty or missing for all. `usage_other_than`: a division and the keys that are left out.

    :raises UnknownFilter: if a filter is unknown or its value malformed.
    """
    books = read_books(seller, at=at)
    since = until = books.months[-1]
    by, key, others = "feature", None, list[str]()
    for name, text in filters.items():
        if name == "since":
            since = read_month(name, text)
        elif name == "until":
            until = read_month(name, text)
        elif name == "usage":
            division, _colon, key_text = text.partition(":")
            by, key = (read_choice(name, division, _OF_COST), key_text) if text else (by, None)
        elif name == "usage_other_than":
            division, _colon, keys = text.partition(":")
            by, others = read_choice(name, division, _OF_COST), keys.split(",")
        else:
            raise unknown(name)
    rows = sql.fetch_rows(
        _COST_ROWS.format(expression=_OF_COST[by]),
        _hours(books, currency, since, until) | {"key": key, "others": others, "offset": (page - 1) * PAGE_SIZE},
    )
    total, count = rows[0][-2:] if rows else (ZERO, 0)
    costs = [
        CostRow(id_, meter, json.loads(dimensions), *figures) for id_, meter, dimensions, *figures, _t, _c in rows
    ]
    return CostPage(tuple(costs), total, count)


def _hours(books: SellerBooks, currency: str, since: date, until: date) -> dict[str, object]:
    """Return the parameters of `_HOURS`."""
    first, last = books.place_of(since), books.place_of(until)
    begin = datetime.min.replace(tzinfo=books.ends[0].tzinfo)
    return {
        "seller": books.seller.pk,
        "currency": currency,
        "from": books.ends[first - 2] if first > 1 else begin,
        "end": books.ends[last - 1],
    }


def _row(
    name: str,
    revenue: Decimal,
    exact_cost: Decimal,
    currency: str,
    conditions: dict[str, str],
    *,
    is_total: bool = False,
) -> Row:
    """Return a row of the report. conditions: of the rows behind it."""
    cost = round_money(exact_cost, currency)
    margin = EXACT.subtract(revenue, cost)
    values: dict[str, Value] = {"name": name, "revenue": revenue, "cost": cost, "margin": margin}
    filters = dict.fromkeys(("revenue", "cost", "margin", "percent"), conditions)
    return Row(values | {"percent": _percent(margin, revenue)}, filters, is_total=is_total)


def _percent(margin: Decimal, revenue: Decimal) -> Decimal | None:
    """Return the margin in percent of the revenue, with one decimal place; None without revenue."""
    return round(margin * 100 / revenue, 1) if revenue else None
