"""The postings of all sellers, frozen and open, added up once for the checks that compare balances."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Max
from django.utils import timezone

from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.reports.entries import entry_parameters, movements_sql
from customers.models import Seller
from invoices.models import Invoice
from lib import sql
from lib.decimals import EXACT, ZERO

_ADDED_UP = """
SELECT currency, month, booked_month, source, role, other, sum(change) FROM ({movements}) e
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
"""


class PostedAmount(NamedTuple):
    """Debits less credits of a role against another one, by accounting month, month first booked, and source."""

    seller_id: int
    currency: str
    month: date
    booked_month: date
    source: str
    role: str
    other: str
    change: Decimal


def read_posted_amounts(sellers: Iterable[SellerBooks]) -> list[PostedAmount]:
    return [
        PostedAmount(books.seller.pk, *row)
        for books in sellers
        for row in sql.fetch_rows(
            _ADDED_UP.format(movements=movements_sql(books, "currency", "booked_month", "source")),
            entry_parameters(books),
        )
    ]


def read_all_books() -> list[SellerBooks]:
    """Return the books of each seller as of a time by which all of its documents are issued."""
    return [read_books(seller, at=_after_all_documents(seller)) for seller in Seller.objects.order_by("pk")]


def _after_all_documents(seller: Seller) -> datetime:
    # The clock of the worker that issued one may be ahead of this one.
    issued = Invoice.objects.filter(seller=seller).aggregate(last=Max("issued_at"))["last"]
    now = timezone.now()
    return max(now, issued + timedelta(seconds=1)) if issued else now


def add_up(
    amounts: Iterable[PostedAmount], key: Callable[[PostedAmount], tuple[Any, ...] | None]
) -> dict[tuple[Any, ...], Decimal]:
    """Return the sums by a key; amounts with the key None count in none."""
    sums: dict[tuple[Any, ...], Decimal] = {}
    for amount in amounts:
        name = key(amount)
        if name is not None:
            sums[name] = EXACT.add(sums.get(name, ZERO), amount.change)
    return sums
