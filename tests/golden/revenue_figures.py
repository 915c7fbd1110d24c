"""The figures of a revenue case by their names, from the reports of its book."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.models.postings import Role
from invoices.documents.calendar_months import next_month
from tests.billing.revenue.book_setup import moment
from tests.golden.case_figures import Figures
from tests.golden.revenue_book import Book, ByMonth
from tests.golden.revenue_invoices import DAY

ROLES = {
    "revenue": Role.REVENUE,
    "deferred_change": Role.DEFERRED,
    "unbilled_change": Role.UNBILLED,
    "receivable_change": Role.RECEIVABLE,
    "customer_balance_change": Role.CUSTOMER_BALANCE,
    "cash": Role.CASH,
    "cash_change": Role.CASH,
    "credit_notes_contra": Role.CREDIT_NOTES,
    "refunds_contra": Role.CREDIT_NOTES,
    "disputes": Role.CREDIT_NOTES,
    "disputes_contra": Role.CREDIT_NOTES,
    "bad_debt": Role.BAD_DEBT,
    "recoverables": Role.RECOVERIES,
    "other_loss": Role.OTHER_LOSS,
}
"""Figure → the role whose change it is. With us, refunds and lost disputes are credit notes of their month."""

OF_MONTH = "deferred_at_"
"""How the name of a balance at a month's end begins."""


def read_figures(book: Book, wanted: Figures) -> Figures:
    """Return the figures with the names of the wanted ones."""
    return {name: _read(book, name, wanted) for name in dict.keys(wanted)}


def _read(book: Book, name: str, wanted: Figures) -> Any:
    if name in ROLES:
        return _change(book, ROLES[name], wanted[name])
    if name in READERS:
        return READERS[name](book, wanted)
    prefix, _separator, rest = name.replace(" ", "_").rpartition("_")
    return BY_PREFIX[prefix](book, rest)


def _change(book: Book, role: Role, wanted: Any) -> Any:
    """Return the change by month, with the months that a case names; or in total, if it names none."""
    changes = book.changes(role)
    if not isinstance(wanted, dict):
        return sum(changes.values(), Decimal(0))
    return dict.fromkeys(dict.keys(wanted), Decimal(0)) | changes


def _end_of(name: str) -> datetime:
    """Return the end of a day, or of a month."""
    if len(name) > len("2026-01"):
        return moment(name) + DAY
    return moment(f"{next_month(date.fromisoformat(f'{name}-01'))}")


def _deferred(book: Book, name: str) -> Decimal:
    """Return the deferred balance at the end of a day or a month."""
    return book.balance(Role.DEFERRED, at=_end_of(name))


def _deferred_at(book: Book, wanted: Figures) -> ByMonth:
    return {name: _deferred(book, name) for name in dict.keys(wanted["deferred_at"])}


def _term(column: str) -> Callable[[Book, Figures], Any]:
    """Return the reader of a part of the deferred balance, at the time of which the case wants the whole."""

    def read(book: Book, wanted: Figures) -> Any:
        (month,) = [name.removeprefix(OF_MONTH) for name in dict.keys(wanted) if name.startswith(OF_MONTH)]
        return book.rows("deferred", at=_end_of(month))[0].values[column]

    return read


def _net_revenue(book: Book, _wanted: Figures) -> Decimal:
    return sum((cells["income"] for cells in book.income().values()), Decimal(0))


def _revenue_until(book: Book, day: str) -> Decimal:
    return sum(book.revenue(at=_end_of(day)).values(), Decimal(0))


def _booked(book: Book, month: str) -> ByMonth:
    """Return what the waterfall says of the revenue first booked in a month: {month earned: amount}."""
    cells = book.waterfall()[month].values
    return {
        code.removeprefix("earned:"): amount
        for code, amount in cells.items()
        if code.startswith("earned:") and isinstance(amount, Decimal)
    }


READERS: dict[str, Callable[[Book, Figures], Any]] = {
    "deferred_at": _deferred_at,
    "current": _term("current"),
    "long_term": _term("long_term"),
    "sum": _net_revenue,
    "revenue_total": _net_revenue,
}
"""Figure → the function that reads it from a book, given all that is wanted."""

BY_PREFIX: dict[str, Callable[[Book, str], Any]] = {
    "to": _revenue_until,
    "left_at": _deferred,
    "deferred_at": _deferred,
    "booked": _booked,
}
"""Figures whose names end with a day or a month → the function that reads them."""
