"""
The entries that reports add up: sums of frozen postings in locked months, and computed postings in open ones.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import DETAILS, parameters, postings_sql, sums_sql
from billing.revenue.reports.conversion import ReportCurrency
from customers.models import Seller
from lib import sql

_OF_CUSTOMERS = ("customer_id", "source_id")
_SUMS = """
SELECT l.month, {columns}, e.amount FROM billing_postingsum e JOIN invoices_monthlock l ON l.id = e.lock_id
WHERE e.lock_id = ANY(%(locks)s) AND l.month BETWEEN %(first)s AND %(until)s
"""
_ROWS = """
SELECT e.month, {columns}, e.amount FROM billing_posting e
WHERE e.lock_id = ANY(%(locks)s) AND e.month BETWEEN %(first)s AND %(until)s
"""

MOVEMENTS = """
SELECT e.*, r.role, r.other, r.change FROM ({entries}) e
CROSS JOIN LATERAL (VALUES (e.debit, e.credit, e.amount), (e.credit, e.debit, -e.amount)) AS r(role, other, change)
"""
"""Each entry twice, once for each of its roles; `change` is above zero for a debit of `role`."""


def entries_sql(books: SellerBooks, columns: Sequence[str], *, into: ReportCurrency | None = None) -> str:
    """
    Return the SELECT of all entries of a seller's books: `month`, the columns and `amount`.

    columns: of `DETAILS`. Entries that differ in none of them may be added up, unless the source's id is one of them.
        With customers or sources, locked months read all their postings.
    into: convert them into one currency; the day of a posting's rate follows from its source.
    """
    if into is not None:
        return into.convert(entries_sql(books, DETAILS))
    live = postings_sql(books) if "source_id" in columns else sums_sql(books, columns)
    names = ", ".join(columns)
    entries = f"SELECT month, {names}, amount FROM ({live}) p"  # noqa: S608
    if books.locks:
        frozen = _SUMS if set(columns).isdisjoint(_OF_CUSTOMERS) else _ROWS
        entries += f" UNION ALL {frozen.format(columns=', '.join(f'e.{name}' for name in columns))}"
    return entries


def movements_sql(books: SellerBooks, *columns: str, into: ReportCurrency | None = None) -> str:
    """Return the SELECT of the movements of a seller's books with these columns, beyond those of `MOVEMENTS`."""
    entries = entries_sql(books, tuple(dict.fromkeys(("debit", "credit", *columns))), into=into)
    return MOVEMENTS.format(entries=entries)


def entry_parameters(
    books: SellerBooks, *, since: date | None = None, until: date | None = None, into: ReportCurrency | None = None
) -> dict[str, Any]:
    """
    Return the parameters of `entries_sql`, for accounting months from `since` to `until`; default: all.

    Entries in one currency need all months, since exchange differences follow from balances.
    """
    first, last = since or books.months[0], until or books.months[-1]
    low = books.place_of(first)
    high = len(books.months) if until is None else books.place_of(last)
    converted = {} if into is None else into.parameters(books)
    return parameters(books, low=low, high=high) | {"first": first, "until": last} | converted


def currencies_of(seller: Seller, *, at: datetime) -> list[str]:
    """Return the currencies of a seller's books, the one of the seller first."""
    books = read_books(seller, at=at)
    rows = sql.fetch_rows(
        f"SELECT currency, sum(abs(amount)) FROM ({entries_sql(books, ('currency', 'debit'))}) e GROUP BY 1",  # noqa: S608
        entry_parameters(books),
    )
    amounts: dict[str, Decimal] = dict(rows)
    return sorted(amounts, key=lambda currency: (currency != str(seller.currency), currency))
