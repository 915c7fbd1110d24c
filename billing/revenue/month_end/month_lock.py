"""Lock a month whose checklist allows it."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.revenue.month_end.checklist import MAX_COUNTED, ChecklistPoint, read_checklist
from billing.revenue.month_end.month_freeze import refuse_out_of_order, start_freezing
from customers.models import Seller
from invoices.documents.locked_months import MonthLockRefused, lock_month
from invoices.models import MonthLock
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string


def lock_checked_month(*, seller: Seller, month: date, note: str, by: User | None, at: datetime) -> MonthLock:
    """
    Lock a seller's month, store the checklist as it is now, and start to freeze the month's postings.

    From the commit on, nothing is dated in the month; a job then freezes its postings without holding anything up.

    :raises MonthLockRefused: if a point of the checklist prevents it, the month is not over or locked already, or an
        earlier one is open.
    """
    # Before the checklist, which only counts the earlier months.
    refuse_out_of_order(seller, month, at=at)
    points = read_checklist(seller=seller, month=month)
    if sentences := obstacles(points):
        raise MonthLockRefused(
            _("%(month)s of %(seller)s can't be locked. %(reasons)s")
            % {"month": f"{month:%B %Y}", "seller": seller, "reasons": " ".join(sentences)}
        )
    with audited_transaction("lock month", by=by, at=at):
        lock = lock_month(seller=seller, month=month, checklist=stored_points(points), note=note, by=by, at=at)
        start_freezing(lock, by=by, at=at)
    return lock


def obstacles(points: list[ChecklistPoint]) -> list[str]:
    """Return the reasons that keep a month open, in sentences."""
    return [_obstacle(point.code, min(point.count, MAX_COUNTED)) for point in points if point.prevents_lock]


def _obstacle(code: str, count: int) -> str:
    sentences = {
        "periods_open": ngettext(
            "%(count)s ended period is not invoiced yet.", "%(count)s ended periods are not invoiced yet.", count
        ),
        "periods_failed": ngettext(
            "%(count)s period failed to be invoiced.", "%(count)s periods failed to be invoiced.", count
        ),
        "drafts": ngettext("%(count)s draft is not issued.", "%(count)s drafts are not issued.", count),
        "accruals_failed": ngettext(
            "The revenue of %(count)s period can't be computed.",
            "The revenue of %(count)s periods can't be computed.",
            count,
        ),
        "unmapped": ngettext(
            "%(count)s kind of amount has no account.", "%(count)s kinds of amounts have no account.", count
        ),
        "earlier_open": ngettext(
            "%(count)s earlier month is still open.", "%(count)s earlier months are still open.", count
        ),
        "audit_violated": ngettext(
            "%(count)s integrity check failed in the latest audit.",
            "%(count)s integrity checks failed in the latest audit.",
            count,
        ),
    }
    return sentences[code] % {"count": f"{count:,}"}


def stored_points(points: list[ChecklistPoint]) -> list[dict[str, Any]]:
    """Return the points in the form stored with the lock and returned by the API."""
    return [asdict(point) | {"amounts": _amounts_as_text(point.amounts)} for point in points]


def points_of_lock(lock: MonthLock) -> list[ChecklistPoint]:
    """Return the points stored with a lock."""
    return [
        ChecklistPoint(
            point["code"],
            point["count"],
            point["blocks"],
            {row["currency"]: Decimal(row["amount"]) for row in point["amounts"]},
        )
        for point in lock.checklist
    ]


def _amounts_as_text(amounts: dict[str, Decimal]) -> list[dict[str, str]]:
    return [{"amount": to_plain_string(amounts[name]), "currency": name} for name in sorted(amounts)]
