"""
Deferred revenue by the time at which it will be earned: the scheduled columns of reports, and the rows behind them.

The postings of future months are computed like those of the running one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from billing.revenue.reports.conversion import ReportCurrency
from billing.revenue.reports.filters import UnknownFilter, read_month, unknown
from customers.models import Seller
from lib import sql
from lib.decimals import ZERO, exact_sum

MONTHS_SCHEDULED = 2
"""Columns of the future, the first for the rest of the running month; later ones are added up in one."""

LATER, WITHIN_YEAR, AFTER_YEAR = "later", "year", "after-year"
"""Times that are no month: after the scheduled months, within twelve months from now, and after them."""

PAGE_SIZE = 100
END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)

_FUTURE = """
SELECT p.booked_month, p.month, p.customer_id, p.source, p.source_id,
    CASE p.credit WHEN 'revenue' THEN p.amount ELSE -p.amount END AS amount
FROM ({postings}) p
WHERE (p.debit, p.credit) IN (('deferred', 'revenue'), ('revenue', 'deferred')) AND p.currency = %(currency)s
"""
# Opening balances have no schedule: finance's own entries earn them, so that they count as later.
_OPENINGS = """
UNION ALL
SELECT o.month, o.month, 0, 'opening', o.id, -o.amount FROM billing_openingbalance o
WHERE o.seller_id = %(seller)s AND o.role = 'deferred' AND o.currency = %(currency)s AND o.amount <> 0
"""

_ROWS = f"""
SELECT f.customer_id, f.source, f.source_id, f.booked_month, sum(f.amount), sum(sum(f.amount)) OVER (),
    count(*) OVER ()
FROM ({{future}}) f WHERE {{conditions}} GROUP BY 1, 2, 3, 4 HAVING sum(f.amount) <> 0
ORDER BY abs(sum(f.amount)) DESC, 2, 3 LIMIT {PAGE_SIZE} OFFSET %(offset)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class ScheduledRow:
    """Deferred revenue of one source that will be earned. source, source_id: as in its postings, such as a line."""

    customer_id: int
    source: str
    source_id: int
    booked_month: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """A page of scheduled amounts, the largest first. total, count: of all pages."""

    rows: tuple[ScheduledRow, ...]
    total: Decimal
    count: int


def scheduled_months(seller: Seller, *, at: datetime) -> tuple[date, ...]:
    """Return the months with a column of the future: the running one, whose rest is meant, and the next ones."""
    return read_books(seller, at=at, months_ahead=MONTHS_SCHEDULED).months[-MONTHS_SCHEDULED:]


def read_scheduled(
    seller: Seller, *, currency: str, at: datetime, into: ReportCurrency | None = None
) -> dict[tuple[date, date], Decimal]:
    """
    Return (month first booked, month) → the deferred revenue that will be earned in a scheduled month.

    into: `currency` with its rates, to convert all others.
    """
    books = read_books(seller, at=at, months_ahead=MONTHS_SCHEDULED)
    values = parameters(books, low=books.running + 1, high=len(books.months)) | {"currency": currency}
    future, values = _future(books, into), values | _rates(books, into)
    rows = sql.fetch_rows(f"SELECT booked_month, month, sum(amount) FROM ({future}) f GROUP BY 1, 2", values)  # noqa: S608
    return {(booked, month): amount for booked, month, amount in rows}


def read_earned_by(
    seller: Seller, *, currency: str, at: datetime, until: datetime, into: ReportCurrency | None = None
) -> Decimal:
    """
    Return the part of deferred revenue at a time that will be earned by a later one.

    into: `currency` with its rates, to convert all others.
    """
    books = _with_ends(read_books(seller, at=at), [until])
    values = parameters(books, low=len(books.months), high=len(books.months)) | {"currency": currency}
    future, values = _future(books, into), values | _rates(books, into)
    return exact_sum(amount for *_, amount in sql.fetch_rows(future, values))


def _future(books: SellerBooks, into: ReportCurrency | None) -> str:
    # Deferred revenue has its rate already, so that nothing of it differs.
    postings = postings_sql(books)
    return _FUTURE.format(postings=into.convert(postings, with_differences=False) if into else postings)


def _rates(books: SellerBooks, into: ReportCurrency | None) -> dict[str, Any]:
    return into.parameters(books) if into else {}


def read_schedule_rows(
    seller: Seller, *, currency: str, filters: Mapping[str, str], at: datetime, page: int = 1
) -> SchedulePage:
    """
    Return a page of the deferred amounts that will be earned in a time.

    filters: `earned`: a scheduled month, LATER, WITHIN_YEAR or AFTER_YEAR; default: any time. `booked`,
        `booked_before`: the month in which they were first booked.

    :raises UnknownFilter: if a filter is unknown or its value malformed.
    """
    conditions: list[str] = ["true"]
    values: dict[str, object] = {}
    for name, text in filters.items():
        if name == "booked":
            conditions.append("f.booked_month = %(booked)s")
            values["booked"] = read_month(name, text)
        elif name == "booked_before":
            conditions.append("f.booked_month < %(booked_before)s")
            values["booked_before"] = read_month(name, text)
        elif name != "earned":
            raise unknown(name)
    earned = filters.get("earned", "")
    books, place = _window(seller, earned, at=at)
    future = _FUTURE.format(postings=postings_sql(books))
    if earned in ("", LATER, AFTER_YEAR):
        future += _OPENINGS
    values |= {"currency": currency, "offset": (page - 1) * PAGE_SIZE}
    statement = _ROWS.format(future=future, conditions=" AND ".join(conditions))
    rows = sql.fetch_rows(statement, parameters(books, low=place, high=place) | values)
    total, count = rows[0][-2:] if rows else (ZERO, 0)
    return SchedulePage(tuple(ScheduledRow(*row[:-2]) for row in rows), total, count)


def _window(seller: Seller, earned: str, *, at: datetime) -> tuple[SellerBooks, int]:
    """
    Return books with a place for a time in the future, and this place.

    :raises UnknownFilter: if it is no time of the future.
    """
    if earned == "":
        ends = [END_OF_TIME]
    elif earned == WITHIN_YEAR:
        ends = [a_year_after(at)]
    elif earned == AFTER_YEAR:
        ends = [a_year_after(at), END_OF_TIME]
    else:
        books = read_books(seller, at=at, months_ahead=MONTHS_SCHEDULED)
        if earned == LATER:
            later = _with_ends(books, [END_OF_TIME])
            return later, len(later.months)
        month = read_month("earned", earned)
        ahead = books.months[books.running :]
        if month not in ahead:
            raise UnknownFilter(f"{earned} is not one of {', '.join(f'{m:%Y-%m}' for m in ahead)}.", field="earned")
        return books, books.running + 1 + ahead.index(month)
    books = _with_ends(read_books(seller, at=at), ends)
    return books, len(books.months)


def _with_ends(books: SellerBooks, ends: Sequence[datetime]) -> SellerBooks:
    """Return books that go on until other times than ends of months; their places repeat the last month's name."""
    return replace(books, months=(*books.months, *[books.months[-1]] * len(ends)), ends=(*books.ends, *ends))


def a_year_after(at: datetime) -> datetime:
    """Return the same day and time of the next year; 28 February for 29 February."""
    try:
        return at.replace(year=at.year + 1)
    except ValueError:
        return at.replace(year=at.year + 1, day=28)
