"""
The figures of a seller's month: invoiced, collected and earned, why the two differ, and how much a lock freezes.

Source: docs/closing.md#figures-of-the-month.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.models.postings import INCOME, Role
from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from billing.revenue.reports.entries import entry_parameters, movements_sql
from customers.models import Seller
from invoices.documents.locked_months import sum_documents
from invoices.models import DocumentKind, MonthLock
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

BALANCES = (Role.DEFERRED, Role.UNBILLED, Role.PREPAID)
"""The roles through which an invoice is earned in another month than that of its issue."""


@dataclass(frozen=True, slots=True)
class CurrencyFigures:
    """
    A seller's month in one currency.

    invoiced, credited: net of tax, of the documents dated in the month; tax: of both. collected: cash less refunds.
    receivables: at the month's end. changes: of the balances between invoicing and income, above zero if they add to
    the month's income.

    invoiced − credited + changes + other = earned. other: write-offs, opening balances and the like.
    """

    currency: str
    invoiced: Decimal
    credited: Decimal
    tax: Decimal
    collected: Decimal
    receivables: Decimal
    changes: dict[Role, Decimal]
    earned: Decimal

    @property
    def other(self) -> Decimal:
        return exact_sum([self.earned, self.credited, -self.invoiced, *(-amount for amount in self.changes.values())])


@dataclass(frozen=True, slots=True)
class FreezableAmount:
    """The postings of a month in one currency. sources: the rows that they follow from. moved: their sum."""

    currency: str
    postings: int
    sources: int
    moved: Decimal


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """
    The figures of a seller's month by currency, as of a time; empty if the books have no such month.

    freezable: the postings that a lock would freeze; empty for a month that is locked.
    """

    as_of: datetime
    currencies: list[CurrencyFigures]
    freezable: list[FreezableAmount]


_BY_ROLE = """
SELECT e.currency, e.role, coalesce(sum(e.change) FILTER (WHERE e.month = %(month)s), 0), sum(e.change)
FROM ({movements}) e WHERE e.month <= %(month)s GROUP BY 1, 2
"""
_FREEZABLE = """
SELECT p.currency, count(*), count(DISTINCT (p.source, p.source_id)), sum(abs(p.amount)) FROM ({postings}) p
GROUP BY 1 ORDER BY 1
"""


def read_month_figures(seller: Seller, month: date, *, lock: MonthLock | None, at: datetime) -> MonthFigures:
    """
    Return the figures of a month: the frozen ones if a lock froze it, the live ones otherwise.

    month: its first day, by the seller's calendar. A running month counts up to `at`.
    """
    books = read_books(seller, at=at)
    if month not in books.months:
        return MonthFigures(at, [], [])
    is_frozen = lock is not None and lock.frozen_at is not None
    documents = lock.sums if lock is not None else sum_documents(seller, month)
    return MonthFigures(at, _by_currency(books, month, documents), [] if is_frozen else _freezable(books, month))


def _by_currency(books: SellerBooks, month: date, documents: list[dict[str, Any]]) -> list[CurrencyFigures]:
    statement = _BY_ROLE.format(movements=movements_sql(books, "currency"))
    changes: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}
    for currency, role, change, balance in sql.fetch_rows(statement, entry_parameters(books) | {"month": month}):
        changes.setdefault(currency, {})[role] = (change, balance)
    seller_currency = str(books.seller.currency)
    currencies = {*changes, *(row["currency"] for row in documents)}
    return [
        _figures(currency, changes.get(currency, {}), [row for row in documents if row["currency"] == currency])
        for currency in sorted(currencies, key=lambda currency: (currency != seller_currency, currency))
    ]


def _figures(
    currency: str, by_role: dict[str, tuple[Decimal, Decimal]], documents: list[dict[str, Any]]
) -> CurrencyFigures:
    nothing = (ZERO, ZERO)

    def of_kind(kind: DocumentKind, column: str) -> Decimal:
        return exact_sum(Decimal(row[column]) for row in documents if row["kind"] == kind)

    return CurrencyFigures(
        currency,
        invoiced=of_kind(DocumentKind.INVOICE, "net"),
        credited=of_kind(DocumentKind.CREDIT_NOTE, "net"),
        tax=EXACT.subtract(of_kind(DocumentKind.INVOICE, "tax"), of_kind(DocumentKind.CREDIT_NOTE, "tax")),
        collected=by_role.get(Role.CASH, nothing)[0],
        receivables=by_role.get(Role.RECEIVABLE, nothing)[1],
        changes={role: by_role.get(role, nothing)[0] for role in BALANCES},
        earned=-exact_sum(by_role.get(role, nothing)[0] for role in INCOME),
    )


def _freezable(books: SellerBooks, month: date) -> list[FreezableAmount]:
    place = books.place_of(month)
    statement = _FREEZABLE.format(postings=postings_sql(books))
    return [FreezableAmount(*row) for row in sql.fetch_rows(statement, parameters(books, low=place, high=place))]
