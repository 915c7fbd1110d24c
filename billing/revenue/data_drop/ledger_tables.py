"""
Dropped tables of the books: rows that a month lock has frozen, and those of open months, computed by each drop.

A part has the rows of a range of customers, either of one lock or of a seller's open months. Those of a lock never
change. A month is in one of both, because all parts follow the locks that the plan noted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from billing.models import Posting, RecurringRevenue
from billing.revenue.data_drop.columns import DropColumn, read_columns
from billing.revenue.data_drop.plan import DropPlan
from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import DETAILS, parameters, postings_sql
from billing.revenue.metrics.live_balances import LIVE_BALANCES, live_parameters
from customers.models import Seller
from invoices.models import MonthLock

CUSTOMERS_PER_PART = 10_000
"""Ids of a range: computing postings reads the seller's lines once for each, as freezing them does."""

_LOCK, _SELLER = "lock-", "seller-"
_COMPUTED = {
    "id": "NULL::bigint",
    "lock_id": "NULL::bigint",
    "seller_id": "%(seller)s::bigint",
    # Computed amounts have more places than stored ones, all of them zeros.
    "amount": "p.amount::numeric(19, 4)",
}


@dataclass(frozen=True, slots=True)
class PostingTable:
    """Postings: of locked months as frozen, of open ones as computed; these have neither an id nor a lock."""

    name: str = "postings"
    columns: tuple[DropColumn, ...] = read_columns(
        Posting,
        "id lock_id month seller_id currency service_month booked_month customer_id source source_id debit credit"
        " amount kind plan_id feature_id fee_id pack_id country tax_name tax_rate method",
    )
    key: str = "customer_id"

    def sections(self, plan: DropPlan) -> Sequence[str]:
        return _sections(plan)

    def last_number(self, plan: DropPlan, section: str) -> int:
        return plan.last_customer // CUSTOMERS_PER_PART

    def is_final(self, plan: DropPlan, section: str, number: int) -> bool:
        return section.startswith(_LOCK)

    def statement(self, plan: DropPlan, section: str, number: int) -> tuple[str, Any]:
        first, last = _customers(number)
        if section.startswith(_LOCK):
            lock = MonthLock.objects.get(pk=_id_in(section))
            # The month selects the partition; a small index finds the customers in it.
            rows = Posting.objects.filter(
                month=lock.month, lock=lock, customer_id__gte=first, customer_id__lte=last
            ).order_by("customer_id", "pk")
            statement: tuple[str, Any] = rows.values_list(*self._names()).query.sql_with_params()
            return statement
        books = _planned_books(plan, _id_in(section))
        values = parameters(books, low=1, high=len(books.months), customers=(first, last))
        names = ", ".join(_COMPUTED.get(name, f"p.{name}") for name in self._names())
        order = ", ".join(f"p.{name}" for name in ("customer_id", "month", *DETAILS))
        return f"SELECT {names} FROM ({postings_sql(books)}) p ORDER BY {order}", values  # noqa: S608

    def _names(self) -> list[str]:
        return [column.path for column in self.columns]


@dataclass(frozen=True, slots=True)
class RecurringRevenueTable:
    """Recurring revenue by customer and month end: of locked months as frozen, of open ones without usage MRR."""

    name: str = "recurring_revenue"
    columns: tuple[DropColumn, ...] = read_columns(
        RecurringRevenue, "lock_id seller_id customer_id month currency net gross usage"
    )
    key: str = "customer_id"

    def sections(self, plan: DropPlan) -> Sequence[str]:
        return _sections(plan)

    def last_number(self, plan: DropPlan, section: str) -> int:
        return plan.last_customer // CUSTOMERS_PER_PART

    def is_final(self, plan: DropPlan, section: str, number: int) -> bool:
        return section.startswith(_LOCK)

    def statement(self, plan: DropPlan, section: str, number: int) -> tuple[str, Any]:
        first, last = _customers(number)
        if section.startswith(_LOCK):
            rows = RecurringRevenue.objects.filter(
                lock=_id_in(section), customer_id__gte=first, customer_id__lte=last
            ).order_by("customer_id", "currency")
            paths = (column.path for column in self.columns)
            statement: tuple[str, Any] = rows.values_list(*paths).query.sql_with_params()
            return statement
        books = _planned_books(plan, _id_in(section))
        open_ = slice(books.first_open - 1, None)
        values = live_parameters(books.seller, books.ends[open_], customers=(first, last))
        return (
            "SELECT NULL::bigint, %(seller)s::bigint, b.customer_id, (%(months)s::date[])[n], b.currency,"  # noqa: S608
            f" b.net, b.gross, NULL::numeric FROM ({LIVE_BALANCES}) b, generate_series(b.first, b.last) n"
            " WHERE b.gross <> 0 ORDER BY 3, 4, 5",
            values | {"months": list(books.months[open_])},
        )


def _sections(plan: DropPlan) -> list[str]:
    locked = [f"{_LOCK}{lock_id}" for lock_ids in plan.locks.values() for lock_id in lock_ids]
    return [*locked, *(f"{_SELLER}{seller_id}" for seller_id in plan.locks)]


def _id_in(section: str) -> int:
    return int(section.rpartition("-")[2])


def _customers(number: int) -> tuple[int, int]:
    return number * CUSTOMERS_PER_PART, (number + 1) * CUSTOMERS_PER_PART - 1


def _planned_books(plan: DropPlan, seller_id: int) -> SellerBooks:
    """Return a seller's books of the plan's time, with the months locked that were so then."""
    return read_books(Seller.objects.get(pk=seller_id), at=plan.at, lock_ids=plan.locks[seller_id])
