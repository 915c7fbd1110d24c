"""Month end: the checklist of a seller's month, the totals of its invoices, and its lock."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tollbook_client.money import Money
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class ChecklistPoint:
    """
    A point of the checklist.

    code: of the condition, such as periods_open. count: of open rows; 1,001 means more than a thousand. blocks:
    whether an open row prevents locking the month. amounts: sums by currency, where known.
    """

    code: str
    count: int
    blocks: bool
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class DocumentSum:
    """The totals of the invoices or the credit notes of a month in one currency. documents: their number."""

    kind: str
    currency: str
    documents: int
    net: Decimal
    tax: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class SellerMonth:
    """
    A month of a seller, such as 2026-01. locked_at: None while it is open.

    checklist: of a locked month, that at the time of the lock.
    """

    seller: str
    month: str
    locked_at: datetime | None
    checklist: tuple[ChecklistPoint, ...]
    documents: tuple[DocumentSum, ...]

    @property
    def is_locked(self) -> bool:
        return self.locked_at is not None

    @property
    def blockers(self) -> tuple[ChecklistPoint, ...]:
        """The points with open rows that prevent locking the month."""
        return tuple(point for point in self.checklist if point.blocks and point.count)


class MonthEnd(Resource):
    """`client.month_end`."""

    def get(self, seller: str, month: str) -> SellerMonth:
        """
        Return a month of a seller, such as 2026-01.

        :raises NotFound: if there is no such seller.
        """
        return self._call(SellerMonth, "GET", "/month-end", query={"seller": seller, "month": month})
