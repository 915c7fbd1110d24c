"""The trial balance, taxes, credits and bad debt: sums of roles: docs/revenue-reports.md#trial-balance."""

from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from billing.models.postings import Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.conversion import DIFFERENCES, ReportCurrency
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, Value
from billing.revenue.reports.totals import add_up
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

_BY_ROLE = """
SELECT e.role, coalesce(sum(e.change) FILTER (WHERE e.month < %(from)s), 0),
    coalesce(sum(e.change) FILTER (WHERE e.month >= %(from)s AND e.role = e.debit), 0),
    coalesce(-sum(e.change) FILTER (WHERE e.month >= %(from)s AND e.role = e.credit), 0)
FROM ({movements}) e WHERE e.currency = %(currency)s AND e.month <= %(to)s GROUP BY 1
"""


def report_trial_balance(
    seller: Seller,
    *,
    currency: str,
    at: datetime,
    since: date | None = None,
    until: date | None = None,
    into: ReportCurrency | None = None,
) -> Report:
    """
    Return each role's opening balance, debits, credits and closing balance in the months from `since` to `until`.

    The sums of all roles are zero, which proves the other reports. Default: the running month.
    into: `currency` with its rates, to convert all others.
    """
    books = read_books(seller, at=at)
    since, until = since or books.months[-1], until or books.months[-1]
    statement = _BY_ROLE.format(movements=movements_sql(books, "currency", into=into))
    values = entry_parameters(books, into=into) | {"currency": currency, "from": since, "to": until}
    figures = {role: amounts for role, *amounts in sql.fetch_rows(statement, values)}
    columns = [
        ReportColumn("role", _("Role"), Measure.TEXT),
        ReportColumn("opening", _("Opening"), is_total=True),
        ReportColumn("debits", _("Debits")),
        ReportColumn("credits", _("Credits")),
        ReportColumn("closing", _("Closing"), is_total=True),
    ]
    rows = [
        _role_row(role, *figures[role], since=since, until=until)
        for role in (*Role.values, *DIFFERENCES)
        if role in figures
    ]
    return Report(
        "trial-balance",
        currency,
        at,
        columns,
        [*rows, add_up(rows, columns, str(_("Total")), _side_filters({"roles": ""}, since=since, until=until))],
        locked_until=max(books.locks, default=None),
    )


def role_name(role: str) -> str:
    """Return the name of a role of the books, or of one that only converted books have."""
    return str(DIFFERENCES[role] if role in DIFFERENCES else Role(role).label)


def _role_row(role: str, opening: Decimal, debits: Decimal, credits: Decimal, *, since: date, until: date) -> Row:
    closing = EXACT.add(opening, EXACT.subtract(debits, credits))
    filters = _side_filters({"role": role}, since=since, until=until)
    filters["opening"] = {"before": f"{since:%Y-%m}", "role": role}
    filters["closing"] = {"until": f"{until:%Y-%m}", "role": role}
    values: dict[str, Value] = {"role": role_name(role), "opening": opening, "debits": debits}
    return Row(values | {"credits": credits, "closing": closing}, filters)


def _side_filters(base: dict[str, str], *, since: date, until: date) -> dict[str, dict[str, str]]:
    span = base | {"since": f"{since:%Y-%m}", "until": f"{until:%Y-%m}"}
    return {"debits": span | {"side": "debit"}, "credits": span | {"side": "credit", "shown": "credits"}}


TAX_MOVEMENTS = {
    "invoiced": "e.source = 'invoice' AND e.credit = 'tax'",
    "credited": "e.source = 'invoice' AND e.debit = 'tax'",
    "written_off": "e.source <> 'invoice'",
}
"""Column → its condition on a movement `e` of the tax."""

_TAX = f"""
SELECT e.month, e.tax_name, e.tax_rate,
    {", ".join(f"-sum(e.change) FILTER (WHERE {condition})" for condition in TAX_MOVEMENTS.values())}
FROM ({{movements}}) e WHERE e.role = 'tax' AND e.currency = %(currency)s GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3
"""  # noqa: S608


def report_tax(seller: Seller, *, currency: str, at: datetime) -> Report:
    """Return the tax of each month by name and rate: of invoices, of credit notes, and of write-offs."""
    books = read_books(seller, at=at)
    statement = _TAX.format(movements=movements_sql(books, "currency", "source", "tax_name", "tax_rate"))
    rows = []
    for month, name, rate, *sums in sql.fetch_rows(statement, entry_parameters(books) | {"currency": currency}):
        amounts = {code: amount or ZERO for code, amount in zip(TAX_MOVEMENTS, sums, strict=True)}
        link = {"month": f"{month:%Y-%m}", "role": "tax", "shown": "credits", "tax": name}
        link["rate"] = "" if rate is None else str(rate)
        filters = {code: link | {"movement": f"tax:{code}"} for code in TAX_MOVEMENTS}
        values: dict[str, Value] = {"month": month, "tax": name or str(_("Tax")), "rate": rate, **amounts}
        rows.append(Row(values | {"total": exact_sum(amounts.values())}, filters | {"total": link}))
    columns = [
        ReportColumn("month", _("Month"), Measure.MONTH),
        ReportColumn("tax", _("Tax"), Measure.TEXT),
        ReportColumn("rate", _("Rate"), Measure.PERCENT),
        ReportColumn("invoiced", _("Invoiced")),
        ReportColumn("credited", _("Credited")),
        ReportColumn("written_off", _("Written off")),
        ReportColumn("total", _("Total"), is_total=True),
    ]
    return Report(
        "tax", currency, at, columns, rows, locked_until=max(books.locks, default=None), chart=list(TAX_MOVEMENTS)
    )


LOSSES = {
    Role.CREDIT_NOTES: _("Credit notes"),
    Role.BAD_DEBT: _("Bad debt"),
    Role.RECOVERIES: _("Recoveries"),
    Role.OTHER_LOSS: _("Other losses"),
}
_LOSSES = """
SELECT e.month, e.role, sum(e.change) FROM ({movements}) e
WHERE e.role = ANY(%(roles)s) AND e.currency = %(currency)s GROUP BY 1, 2 ORDER BY 1 DESC
"""


def report_losses(seller: Seller, *, currency: str, at: datetime) -> Report:
    """Return credit notes, bad debt and its recoveries by month; recoveries reduce the loss."""
    books = read_books(seller, at=at)
    statement = _LOSSES.format(movements=movements_sql(books, "currency"))
    values = entry_parameters(books) | {"currency": currency, "roles": [role.value for role in LOSSES]}
    by_month: dict[date, dict[str, Decimal]] = {}
    for month, role, amount in sql.fetch_rows(statement, values):
        by_month.setdefault(month, {})[role] = amount
    rows = [
        Row(
            {"month": month, **amounts, "loss": exact_sum(amounts.values())},
            {role: {"month": f"{month:%Y-%m}", "role": role} for role in amounts}
            | {"loss": {"month": f"{month:%Y-%m}", "roles": ",".join(LOSSES)}},
        )
        for month, amounts in by_month.items()
    ]
    columns = [ReportColumn("month", _("Month"), Measure.MONTH)]
    columns += [ReportColumn(role.value, title) for role, title in LOSSES.items()]
    columns.append(ReportColumn("loss", _("Loss"), is_total=True))
    return Report(
        "losses",
        currency,
        at,
        columns,
        rows,
        locked_until=max(books.locks, default=None),
        chart=[role.value for role in LOSSES],
    )
