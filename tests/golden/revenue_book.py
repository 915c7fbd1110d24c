"""The books of a revenue case: one seller with one customer, and figures as the reports show them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import chain

from billing.models.postings import Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.registry import read_report
from billing.revenue.reports.table import Row
from customers.models import Customer, Seller
from lib import sql
from lib.money import minor_unit
from tests.billing.revenue.book_setup import moment
from tests.builders import make_customer

CURRENCY = "EUR"
"""Of the cases that name none."""

ROLL_FORWARDS = {
    Role.DEFERRED: "deferred",
    Role.PREPAID: "prepaid",
    Role.UNBILLED: "unbilled",
    Role.RECEIVABLE: "receivables",
}
LOSSES = (Role.CREDIT_NOTES, Role.BAD_DEBT, Role.RECOVERIES, Role.OTHER_LOSS)
NOT_REVENUE = {"kind:credit_notes", "kind:breakage", "kind:discounts"}
"""Columns of income that have a role of their own."""

CREDITS = (Role.REVENUE, Role.RECOVERIES, Role.CUSTOMER_BALANCE)
"""Roles that grow by credits and have no report that says so."""

_BY_SERVICE_MONTH = """
SELECT e.service_month, -sum(e.change) FROM ({movements}) e
WHERE e.role = 'revenue' AND e.currency = %(currency)s GROUP BY 1
"""

ByMonth = dict[str, Decimal]


def _new_customer() -> Customer:
    return make_customer(currency=CURRENCY)


@dataclass
class Book:
    """
    A customer, and the reports of its seller at a time.

    at: the start of a day or a time, as ISO text, up to which the reports count.
    """

    at: str = ""
    currency: str = CURRENCY
    customer: Customer = field(default_factory=_new_customer)

    @property
    def seller(self) -> Seller:
        return self.customer.seller

    @property
    def unit(self) -> Decimal:
        return minor_unit(self.currency)

    def rows(self, code: str, *, at: datetime | None = None, **options: object) -> list[Row]:
        """Return the rows of a report, by default at the time of the book."""
        report = read_report(code, self.seller, currency=self.currency, at=at or moment(self.at), **options)
        return list(report.rows)

    def income(self, *, at: datetime | None = None) -> dict[str, ByMonth]:
        """Return {month: {column: amount}} of the income report; `income` is the sum of the other columns."""
        return {
            _name(row): {code: amount for code, amount in row.values.items() if isinstance(amount, Decimal)}
            for row in self.rows("income", at=at)
        }

    def revenue(self, *, at: datetime | None = None) -> ByMonth:
        """Return {month: revenue before credit notes, breakage and discounts}."""
        return {
            month: sum((cells[code] for code in cells.keys() - NOT_REVENUE - {"income"}), Decimal(0))
            for month, cells in self.income(at=at).items()
        }

    def changes(self, role: Role) -> ByMonth:
        """Return {month: change} of a role: with the sign of its report, and otherwise above zero where it grows."""
        if role == Role.REVENUE:
            return self.revenue()
        if role in ROLL_FORWARDS:
            return {_name(row): cell(row, "closing") - cell(row, "opening") for row in self.rows(ROLL_FORWARDS[role])}
        sign = -1 if role in CREDITS else 1
        if role in LOSSES:
            return {_name(row): sign * cell(row, role.value) for row in self.rows("losses")}
        months = read_books(self.seller, at=moment(self.at)).months
        return {f"{month:%Y-%m}": sign * self._trial_balance(role, month) for month in months}

    def balance(self, role: Role, *, at: datetime | None = None) -> Decimal:
        """Return the balance of a role with a roll-forward, by default at the time of the book."""
        return cell(self.rows(ROLL_FORWARDS[role], at=at)[0], "closing")

    def balances(self, role: Role) -> ByMonth:
        """Return {month: balance at its end} of a role with a roll-forward."""
        return {_name(row): cell(row, "closing") for row in self.rows(ROLL_FORWARDS[role])}

    def waterfall(self) -> dict[str, Row]:
        """Return {month first booked: row}."""
        *rows, _total = self.rows("waterfall")
        return {_name(row, "booked"): row for row in rows}

    def revenue_by_service_month(self) -> ByMonth:
        books = read_books(self.seller, at=moment(self.at))
        statement = _BY_SERVICE_MONTH.format(movements=movements_sql(books, "currency", "service_month"))
        rows = sql.fetch_rows(statement, entry_parameters(books) | {"currency": self.currency})
        return {f"{month:%Y-%m}": amount for month, amount in rows}

    def prove(self) -> None:
        """Assert that the trial balance of all months is zero, and that the reports agree with it."""
        (total,) = [row for row in self._all_months() if row.is_total]
        assert total.values["closing"] == 0
        assert total.values["debits"] == total.values["credits"]
        for role, report in ROLL_FORWARDS.items():
            sign = -1 if role in (Role.DEFERRED, Role.PREPAID) else 1
            balance = [cell(row, "closing") for row in self._all_months() if row.values["role"] == str(role.label)]
            assert sign * sum(balance, Decimal(0)) == self.balance(role), report

    def _all_months(self) -> list[Row]:
        first = read_books(self.seller, at=moment(self.at)).months[0]
        return self.rows("trial-balance", since=first)

    def _trial_balance(self, role: Role, month: date) -> Decimal:
        rows = self.rows("trial-balance", since=month, until=month)
        moved = [cell(row, "closing") - cell(row, "opening") for row in rows if row.values["role"] == str(role.label)]
        return sum(moved, Decimal(0))


def texts(content: object) -> Iterator[str]:
    """Yield every text in the inputs of a case, also those used as keys, without marking a key as read."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        yield from chain(dict.keys(content), *map(texts, dict.values(content)))
    elif isinstance(content, list):
        yield from chain.from_iterable(map(texts, content))


def _name(row: Row, column: str = "month") -> str:
    month = row.values[column]
    return f"{month:%Y-%m}" if isinstance(month, date) else "before"


def cell(row: Row, column: str) -> Decimal:
    """Return an amount of a row; an empty one is zero."""
    amount = row.values.get(column)
    return amount if isinstance(amount, Decimal) else Decimal(0)
