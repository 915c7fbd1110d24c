"""Lock a month whose checklist lets it be locked."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from billing.closing.month_end.checklist import MOST_COUNTED, Point, checklist
from customers.models import Seller
from invoices.documents.month_lock import CannotLock, lock_month
from invoices.models import MonthLock
from lib.decimals import plain


def lock(*, seller: Seller, month: date, note: str, by: AbstractBaseUser | None, at: datetime) -> MonthLock:
    """
    Lock a seller's month, and keep what the checklist says of it now.

    :raises CannotLock: if a point of the checklist keeps it open, it is not over, or it is locked already.
    """
    points = checklist(seller=seller, month=month)
    if found := obstacles(points):
        raise CannotLock(f"{month:%B %Y} of {seller} cannot be locked. {' '.join(found)}")
    return lock_month(seller=seller, month=month, checklist=as_kept(points), note=note, by=by, at=at)


def obstacles(points: list[Point]) -> list[str]:
    """Return what keeps a month open, in sentences."""
    told = {
        "periods_open": "periods that were over are not billed yet",
        "periods_failed": "periods could not be billed",
        "drafts": "documents are not issued",
        "audit_violated": "promises of the books are broken, as the latest audit says",
    }
    return [f"{min(one.count, MOST_COUNTED):,} {told[one.code]}." for one in points if one.keeps_open]


def as_kept(points: list[Point]) -> list[dict[str, Any]]:
    """Return the points as they are stored with the lock, and told by the API."""
    return [asdict(one) | {"amounts": _plainly(one.amounts)} for one in points]


def kept(lock: MonthLock) -> list[Point]:
    """Return the points as a lock has kept them."""
    return [
        Point(one["code"], one["count"], one["blocks"], {a["currency"]: Decimal(a["amount"]) for a in one["amounts"]})
        for one in lock.checklist
    ]


def _plainly(amounts: dict[str, Decimal]) -> list[dict[str, str]]:
    return [{"amount": plain(amounts[name]), "currency": name} for name in sorted(amounts)]
