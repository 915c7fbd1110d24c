"""
The entries that reports add up: sums of frozen postings in locked months, and computed postings in open ones.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import DETAILS, parameters, postings_sql
from billing.revenue.reports.conversion import ReportCurrency
from customers.models import Seller
from lib import sql

_OF_CUSTOMERS = ("customer_id", "source_id")
SUMMED = tuple(name for name in DETAILS if name not in _OF_CUSTOMERS)
"""The columns of entries, beyond month and amount, that don't tell customers and their rows apart."""

_SUMS = f"""
SELECT l.month, {", ".join(f"e.{name}" for name in SUMMED)}, e.amount
FROM billing_postingsum e JOIN invoices_monthlock l ON l.id = e.lock_id
WHERE e.lock_id = ANY(%(locks)s) AND l.month BETWEEN %(first)s AND %(until)s
"""  # noqa: S608
_ROWS = f"""
SELECT e.month, {", ".join(f"e.{name}" for name in DETAILS)}, e.amount FROM billing_posting e
WHERE e.lock_id = ANY(%(locks)s) AND e.month BETWEEN %(first)s AND %(until)s
"""  # noqa: S608

MOVEMENTS = """
SELECT e.*, r.role, r.other, r.change FROM ({entries}) e
CROSS JOIN LATERAL (VALUES (e.debit, e.credit, e.amount), (e.credit, e.debit, -e.amount)) AS r(role, other, change)
"""
"""Each entry twice, once for each of its roles; `change` is above zero for a debit of `role`."""


def entries_sql(books: SellerBooks, *, tells_customers: bool = False, into: ReportCurrency | None = None) -> str:
    """
    Return the SELECT of all entries of a seller's books: `month`, `SUMMED` and `amount`.

    tells_customers: also the customer and the source of each, for which locked months read all their postings.
    into: convert them into one currency; the day of a posting's rate follows from its source.
    """
    if into is not None:
        return into.convert(entries_sql(books, tells_customers=True))
    columns = DETAILS if tells_customers else SUMMED
    live = f"SELECT month, {', '.join(columns)}, amount FROM ({postings_sql(books)}) p"  # noqa: S608
    return f"{live} UNION ALL {_ROWS if tells_customers else _SUMS}" if books.locks else live


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
        f"SELECT currency, sum(abs(amount)) FROM ({entries_sql(books)}) e GROUP BY 1",  # noqa: S608
        entry_parameters(books),
    )
    amounts: dict[str, Decimal] = dict(rows)
    return sorted(amounts, key=lambda currency: (currency != str(seller.currency), currency))
