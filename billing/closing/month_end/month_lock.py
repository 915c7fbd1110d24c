"""Lock a month whose checklist lets it be locked."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from billing.closing.month_end.checklist import MAX_COUNTED, ChecklistPoint, read_checklist
from customers.models import Seller
from invoices.documents.month_lock import MonthLockRefused, lock_month
from invoices.models import MonthLock
from lib.decimals import to_plain_string


def lock_checked_month(
    *, seller: Seller, month: date, note: str, by: AbstractBaseUser | None, at: datetime
) -> MonthLock:
    """
    Lock a seller's month, and keep what the checklist says of it now.

    :raises CannotLock: if a point of the checklist keeps it open, it is not over, or it is locked already.
    """
    points = read_checklist(seller=seller, month=month)
    if found := obstacles(points):
        raise MonthLockRefused(f"{month:%B %Y} of {seller} cannot be locked. {' '.join(found)}")
    return lock_month(seller=seller, month=month, checklist=stored_points(points), note=note, by=by, at=at)


def obstacles(points: list[ChecklistPoint]) -> list[str]:
    """Return what keeps a month open, in sentences."""
    told = {
        "periods_open": "periods that were over are not billed yet",
        "periods_failed": "periods could not be billed",
        "drafts": "documents are not issued",
        "audit_violated": "promises of the books are broken, as the latest audit says",
    }
    return [f"{min(one.count, MAX_COUNTED):,} {told[one.code]}." for one in points if one.prevents_lock]


def stored_points(points: list[ChecklistPoint]) -> list[dict[str, Any]]:
    """Return the points as they are stored with the lock, and told by the API."""
    return [asdict(one) | {"amounts": _amounts_as_text(one.amounts)} for one in points]


def points_of_lock(lock: MonthLock) -> list[ChecklistPoint]:
    """Return the points as a lock has kept them."""
    return [
        ChecklistPoint(
            one["code"], one["count"], one["blocks"], {a["currency"]: Decimal(a["amount"]) for a in one["amounts"]}
        )
        for one in lock.checklist
    ]


def _amounts_as_text(amounts: dict[str, Decimal]) -> list[dict[str, str]]:
    return [{"amount": to_plain_string(amounts[name]), "currency": name} for name in sorted(amounts)]
