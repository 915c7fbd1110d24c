"""
Roll-forwards: how the balance of a role moved from month to month: docs/revenue-reports.md#roll-forwards.

opening + movements = closing in each row, and the closing balance of one month is the opening one of the next.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models.postings import Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.conversion import ReportCurrency
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.schedule import AFTER_YEAR, WITHIN_YEAR, a_year_after, read_earned_by
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList, Value
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum


class BalanceMovement(NamedTuple):
    """A column of a roll-forward. condition: on a movement `e`, in SQL."""

    code: str
    title: str | Promise
    condition: str


# A posting that debits the role with a receivable is a credit note or a write-off; every other one bills a line.
_IS_BILLED = "e.other = 'receivable' AND e.credit = e.role"
_IS_WRITTEN_OFF = "e.other = 'receivable' AND e.source = 'write_off'"
_IS_CREDITED = "e.other = 'receivable' AND e.debit = e.role AND e.source <> 'write_off'"

ROLL_FORWARDS: Mapping[str, tuple[Role, tuple[BalanceMovement, ...]]] = {
    "deferred": (
        Role.DEFERRED,
        (
            BalanceMovement("invoiced", _("Invoiced"), _IS_BILLED),
            BalanceMovement("recognized", _("Recognized"), "e.other = 'revenue'"),
            BalanceMovement("credited", _("Credited"), _IS_CREDITED),
            BalanceMovement("written_off", _("Written off"), _IS_WRITTEN_OFF),
        ),
    ),
    "prepaid": (
        Role.PREPAID,
        (
            BalanceMovement("sold", _("Sold"), _IS_BILLED),
            BalanceMovement("used", _("Used"), "e.other = 'revenue'"),
            BalanceMovement("expired", _("Expired"), "e.other = 'breakage'"),
            BalanceMovement("paid", _("Paid invoices"), "e.other = 'discounts'"),
            BalanceMovement("refunded", _("Refunded"), _IS_CREDITED),
        ),
    ),
    "unbilled": (
        Role.UNBILLED,
        (
            BalanceMovement("earned", _("Earned"), "e.other = 'revenue'"),
            BalanceMovement("invoiced", _("Invoiced"), "e.other = 'receivable'"),
        ),
    ),
    "receivables": (
        Role.RECEIVABLE,
        (
            BalanceMovement("invoiced", _("Invoiced"), "e.debit = 'receivable' AND e.source = 'line'"),
            BalanceMovement("tax", _("Tax"), "e.source = 'invoice'"),
            BalanceMovement("credited", _("Credited"), "e.credit = 'receivable' AND e.source = 'line'"),
            BalanceMovement("paid", _("Paid"), "e.source = 'payment'"),
            BalanceMovement("returned", _("Returned"), "e.source IN ('balance', 'refund')"),
            BalanceMovement("written_off", _("Written off"), "e.source = 'write_off'"),
        ),
    ),
}
"""Report → its role and the columns between opening and closing; what no column takes is in the last one, *other*."""

EXCHANGE_MOVEMENT = BalanceMovement("exchange", _("Exchange differences"), "e.source = 'rate'")
"""The further column of a report in one currency."""

_BY_MONTH = """
SELECT e.month, CASE {cases} ELSE 'other' END, sum(e.change) FROM ({movements}) e
WHERE e.role = %(role)s AND e.currency = %(currency)s GROUP BY 1, 2 ORDER BY 1
"""
_LIABILITIES = (Role.DEFERRED, Role.PREPAID)


def report_roll_forward(
    seller: Seller, *, report: str, currency: str, at: datetime, into: ReportCurrency | None = None
) -> Report:
    """
    Return the roll-forward of a role, the latest month first. report: a key of `ROLL_FORWARDS`.

    into: `currency` with its rates, to convert all others.
    """
    role, movements = ROLL_FORWARDS[report]
    if into is not None:
        movements = (*movements, EXCHANGE_MOVEMENT)
    books = read_books(seller, at=at)
    cases = " ".join(f"WHEN {movement.condition} THEN '{movement.code}'" for movement in movements)
    statement = _BY_MONTH.format(cases=cases, movements=movements_sql(books, "currency", "source", into=into))
    sign = -1 if role in _LIABILITIES else 1
    changes: dict[date, dict[str, Decimal]] = {month: {} for month in books.months}
    for month, code, change in sql.fetch_rows(
        statement, entry_parameters(books, into=into) | {"currency": currency, "role": role.value}
    ):
        changes[month][code] = sign * change
    rows, balance = [], ZERO
    for month, by_code in changes.items():
        closing = EXACT.add(balance, exact_sum(by_code.values()))
        values: dict[str, Value] = {"month": month, "opening": balance, **by_code, "closing": closing}
        of_role = {"role": role.value} | ({"shown": "credits"} if role in _LIABILITIES else {})
        filters = {code: of_role | {"month": f"{month:%Y-%m}", "movement": f"{report}:{code}"} for code in by_code}
        filters["opening"] = of_role | {"before": f"{month:%Y-%m}"}
        filters["closing"] = of_role | {"until": f"{month:%Y-%m}"}
        rows.append(Row(values, filters))
        balance = closing
    has_other = any("other" in by_code for by_code in changes.values())
    columns = [
        ReportColumn("month", _("Month"), Measure.MONTH),
        ReportColumn("opening", _("Opening"), is_total=True),
        *(ReportColumn(movement.code, movement.title) for movement in movements),
        *([ReportColumn("other", _("Other"))] if has_other else []),
        ReportColumn("closing", _("Closing"), is_total=True),
    ]
    if role == Role.DEFERRED and rows:
        columns += [
            ReportColumn("current", _("Current"), is_total=True, rows=RowList.SCHEDULE),
            ReportColumn("long_term", _("Long-term"), is_total=True, rows=RowList.SCHEDULE),
        ]
        rows[-1] = _with_terms(rows[-1], seller, currency=currency, at=at, into=into)
    return Report(
        report,
        currency,
        at,
        columns,
        rows[::-1],
        locked_until=max(books.locks, default=None),
        chart=["closing"],
    )


def _with_terms(row: Row, seller: Seller, *, currency: str, at: datetime, into: ReportCurrency | None) -> Row:
    """Return the row of the running month with the parts of its balance that are earned within a year, and later."""
    current, closing = (
        read_earned_by(seller, currency=currency, at=at, until=a_year_after(at), into=into),
        row.values["closing"],
    )
    assert isinstance(closing, Decimal)  # noqa: S101  set by the caller
    terms = {"current": current, "long_term": EXACT.subtract(closing, current)}
    filters = {"current": {"earned": WITHIN_YEAR}, "long_term": {"earned": AFTER_YEAR}}
    return Row({**row.values, **terms}, {**row.filters, **filters})
