"""Income by month, and by kind, plan, feature, customer or country: docs/revenue-reports.md#income."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from billing.models.postings import INCOME
from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.reports.conversion import DIFFERENCES, ReportCurrency
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, Value
from customers.models import Customer, Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum
from plans.models import Feature, Plan

MOST_COLUMNS = 8
"""Columns apart from the sum: more would not fit a page or a chart. The rest is one column."""

# The kind of income: the line's, and for a fee whether it is recurring, once, or for seats and add-ons.
_KIND = """
CASE WHEN e.role <> 'revenue' THEN e.role
    WHEN e.kind IN ('fee', 'proration') THEN CASE WHEN f.kind = 'one_time' THEN 'one_time'
        WHEN f.basis = 'seat' THEN 'seats' WHEN f.basis = 'add_on' THEN 'add_ons' ELSE 'base_fees' END
    WHEN e.kind IN ('usage', 'late_usage', 'usage_credit', 'progressive') THEN 'usage'
    WHEN e.kind = 'credit_pack' THEN 'prepaid'
    WHEN e.kind = 'fee_credit' THEN 'base_fees'
    ELSE e.kind END
"""
KINDS = {
    "base_fees": _("Base fees"),
    "seats": _("Seats"),
    "add_ons": _("Add-ons"),
    "one_time": _("One-time fees"),
    "usage": _("Usage"),
    "true_up": _("True-ups"),
    "surcharge": _("Overage adjustments"),
    "one_off": _("One-off"),
    "prepaid": _("Prepaid used"),
    "breakage": _("Breakage"),
    "credit": _("Credits"),
    "credit_notes": _("Credit notes"),
    "discounts": _("Discounts"),
}
"""The kinds of income, in the order of their columns."""


_DIFFERENCES = """
SELECT e.month, -sum(e.change) FROM ({movements}) e
WHERE e.role = ANY(%(roles)s) AND e.currency = %(currency)s AND e.month BETWEEN %(since)s AND %(to)s GROUP BY 1
"""


class Dimension(NamedTuple):
    """
    What income is divided by. expression: in SQL, over a movement `e` with the columns and its fee `f`.

    names: of its values.
    """

    expression: str
    columns: tuple[str, ...]
    names: Callable[[list[Value]], dict[Value, str]]


def _plan_names(ids: list[Value]) -> dict[Value, str]:
    return {plan.pk: str(plan) for plan in Plan.objects.filter(pk__in=[id_ for id_ in ids if id_])}


def _feature_names(ids: list[Value]) -> dict[Value, str]:
    return {feature.pk: str(feature) for feature in Feature.objects.filter(pk__in=[id_ for id_ in ids if id_])}


def _customer_names(ids: list[Value]) -> dict[Value, str]:
    return {customer.pk: str(customer) for customer in Customer.objects.filter(pk__in=[id_ for id_ in ids if id_])}


DIMENSIONS = {
    "kind": Dimension(
        _KIND, ("kind", "fee_id"), lambda codes: {code: str(KINDS.get(str(code), code)) for code in codes}
    ),
    "plan": Dimension("e.plan_id", ("plan_id",), _plan_names),
    "feature": Dimension("e.feature_id", ("feature_id",), _feature_names),
    "customer": Dimension("e.customer_id", ("customer_id",), _customer_names),
    "country": Dimension("e.country", ("country",), lambda codes: {code: str(code) for code in codes}),
}


def report_income(
    seller: Seller,
    *,
    currency: str,
    by: str = "kind",
    at: datetime,
    since: date | None = None,
    until: date | None = None,
    into: ReportCurrency | None = None,
) -> Report:
    """
    Return the income of each accounting month, the latest first. by: a key of `DIMENSIONS`.

    Columns beyond the largest ones are added up in one. into: `currency` with its rates, to convert all others.
    """
    dimension, books = DIMENSIONS[by], read_books(seller, at=at)
    movements = movements_sql(books, "currency", "fee_id", *dimension.columns, into=into)
    statement = f"""
    SELECT e.month, {dimension.expression}, -sum(e.change)
    FROM ({movements}) e
    LEFT JOIN plans_fee f ON f.id = e.fee_id
    WHERE e.role = ANY(%(roles)s) AND e.currency = %(currency)s AND e.month BETWEEN %(since)s AND %(to)s
    GROUP BY 1, 2 HAVING sum(e.change) <> 0
    """  # noqa: S608
    months = (None, None) if into else (since, until)
    parameters = entry_parameters(books, since=months[0], until=months[1], into=into)
    span = {"since": since or books.months[0], "to": until or books.months[-1], "currency": currency}
    rows = sql.fetch_rows(statement, parameters | span | {"roles": [role.value for role in INCOME]})
    report = _pivot(rows, books, dimension, by=by, currency=currency, at=at)
    if into is None:
        return report
    differences = sql.fetch_rows(
        _DIFFERENCES.format(movements=movements),
        parameters | span | {"roles": [*DIFFERENCES]},
    )
    return _with_differences(report, differences)


def _with_differences(report: Report, differences: list[tuple[date, Decimal]]) -> Report:
    """Add the exchange differences of each month: a column of their own, since they are no income."""
    amounts = dict(differences)
    rows = {row.values["month"]: row for row in report.rows}
    months = sorted({month for month in rows if isinstance(month, date)} | amounts.keys(), reverse=True)
    shown = []
    for month in months:
        row = rows.get(month) or Row({"month": month, "income": ZERO})
        filters = {"month": f"{month:%Y-%m}", "roles": ",".join(DIFFERENCES), "shown": "credits"}
        shown.append(Row({**row.values, "exchange": amounts.get(month, ZERO)}, {**row.filters, "exchange": filters}))
    column = ReportColumn("exchange", _("Exchange differences"), is_total=True)
    return replace(report, columns=[*report.columns, column], rows=shown)


def _pivot(
    rows: list[tuple[date, Value, Decimal]],
    books: SellerBooks,
    dimension: Dimension,
    *,
    by: str,
    currency: str,
    at: datetime,
) -> Report:
    sums: dict[Value, Decimal] = {}
    by_month: dict[date, dict[str, Decimal]] = {}
    for _month, value, amount in rows:
        sums[value] = EXACT.add(sums.get(value, ZERO), abs(amount))
    ordered = _in_order(sums, by)
    # Kinds are few, and one more column is no larger than that of the rest.
    is_long = by != "kind" and len(ordered) > MOST_COLUMNS + 1
    shown = {value: f"{by}:{value}" for value in (ordered[:MOST_COLUMNS] if is_long else ordered)}
    for month, value, amount in rows:
        cells = by_month.setdefault(month, {})
        code = shown.get(value, "other")
        cells[code] = EXACT.add(cells.get(code, ZERO), amount)
    names = dimension.names(list(shown))
    columns = [ReportColumn("month", _("Month"), Measure.MONTH)]
    columns += [ReportColumn(code, names.get(value, _("None"))) for value, code in shown.items()]
    if len(shown) < len(ordered):
        columns.append(ReportColumn("other", _("Other")))
    columns.append(ReportColumn("income", _("Income"), is_total=True))
    return Report(
        "income",
        currency,
        at,
        columns,
        [_row(month, cells, by, list(shown)) for month, cells in sorted(by_month.items(), reverse=True)],
        locked_until=max(books.locks, default=None),
        chart=[column.code for column in columns[1:-1]],
    )


def _row(month: date, cells: dict[str, Decimal], by: str, shown: list[Value]) -> Row:
    in_month = {"month": f"{month:%Y-%m}"}
    filters = {code: in_month | {"income": code} for code in cells}
    if "other" in cells:
        filters["other"] = in_month | {"other_than": f"{by}:{','.join(map(str, shown))}"}
    filters["income"] = in_month | {"income": ""}
    return Row({"month": month, **cells, "income": exact_sum(cells.values())}, filters)


def _in_order(sums: dict[Value, Decimal], by: str) -> list[Value]:
    """Return kinds in their fixed order, and other values by size."""
    if by == "kind":
        order = list(KINDS)
        return sorted(sums, key=lambda kind: (order.index(str(kind)) if kind in order else len(order), str(kind)))
    return sorted(sums, key=lambda value: (ZERO if sums[value].is_nan() else -sums[value], str(value)))
