"""
The month lock: no live invoice is dated in a month that its seller has locked. Source: docs/closing.md#month-lock.

The invoice's date counts; the supply that it bills may lie in a locked month, as late usage does. The lock does not
apply to sandbox invoices, which are not in the books.
"""

import json
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers.models import Seller
from invoices.documents.calendar_months import month_bounds, month_of, next_month
from invoices.documents.numbering import series_for
from invoices.models import DocumentKind, Invoice, MonthLock, NumberSeries
from invoices.models.invoices import InvoiceState
from invoices.models.month_locks import MAX_NOTE
from lib import sql
from lib.audit_log import audited_transaction

SUMS = """
(SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.kind, t.currency), '[]') FROM (
    SELECT i.kind, i.currency, count(*) AS documents, sum(i.net)::text AS net, sum(i.tax)::text AS tax,
        sum(i.total)::text AS total
    FROM invoices_invoice i
    WHERE i.seller_id = {seller} AND NOT i.sandbox AND i.state <> 'draft'
        AND i.issue_date >= {month} AND i.issue_date < {month} + interval '1 month'
    GROUP BY 1, 2
) t)
"""
"""Totals of the live documents of a seller's month: one row for each kind and currency, amounts as text."""


def documents_issued_in(seller_id: int, month: date) -> QuerySet[Invoice]:
    """Return a seller's live documents that are dated in a month."""
    in_month = {"issue_date__gte": month, "issue_date__lt": next_month(month)}
    return Invoice.objects.filter(seller=seller_id, sandbox=False, **in_month).exclude(state=InvoiceState.DRAFT)


class MonthLocked(ValueError):
    """A document would be dated in a locked month; the text names the month and the remedy."""


class MonthLockRefused(ValueError):
    """A month cannot be locked or unlocked; the text says why."""


def lock_month(
    *,
    seller: Seller,
    month: date,
    checklist: list[dict[str, Any]],
    note: str,
    by: User | None,
    at: datetime,
) -> MonthLock:
    """
    Lock a seller's month, and store the results of its checklist.

    The lock waits for transactions that are issuing for this seller, so that the sums include all documents.

    :raises MonthLockRefused: if the month is not over by the seller's calendar, is locked already, or the note is too
        long.
    """
    _check_month(seller, month, at=at)
    if len(note) > MAX_NOTE:
        raise MonthLockRefused(_("Enter a note of up to %(most)s characters.") % {"most": MAX_NOTE})
    with audited_transaction("lock month", by=by, at=at):
        _lock_series(seller)
        if MonthLock.objects.filter(seller=seller, month=month, unlocked_at__isnull=True).exists():
            text = _("%(month)s of %(seller)s is already locked.")
            raise MonthLockRefused(text % {"month": _month_name(month), "seller": seller})
        facts = {"checklist": checklist, "sums": sum_documents(seller, month), "note": note}
        ends_at = month_bounds(month, ZoneInfo(seller.time_zone))[1]
        return MonthLock.objects.create(
            seller=seller, month=month, **facts, ends_at=ends_at, locked_by=by, locked_at=at
        )


def unlock_month(*, lock_id: int, reason: str, by: User | None, at: datetime) -> MonthLock:
    """
    Unlock a month for a stated reason; the row of the lock keeps who locked it and with which sums.

    Only the last locked month can be unlocked, because later months continue from the postings of earlier ones.

    :raises MonthLockRefused: if no reason is given, it was unlocked already, or a later month is locked.
    """
    if not reason.strip() or len(reason) > MAX_NOTE:
        text = _("Enter a reason of up to %(most)s characters. It is stored with the lock.")
        raise MonthLockRefused(text % {"most": MAX_NOTE})
    with audited_transaction("unlock month", by=by, at=at):
        # Row lock: two requests to unlock happen one after the other, and the second one is refused.
        lock = MonthLock.objects.select_for_update().get(pk=lock_id)
        if lock.unlocked_at is not None:
            raise MonthLockRefused(_("%(month)s is already unlocked.") % {"month": lock})
        later = MonthLock.objects.filter(seller=lock.seller_id, unlocked_at__isnull=True, month__gt=lock.month)
        if (later_lock := later.order_by("-month").first()) is not None:
            text = _("%(later)s is locked. Unlock it before %(month)s.")
            raise MonthLockRefused(text % {"later": later_lock, "month": lock})
        lock.unlock_reason, lock.unlocked_by, lock.unlocked_at = reason.strip(), by, at
        lock.save(update_fields=["unlock_reason", "unlocked_by", "unlocked_at"])
    return lock


def sum_documents(seller: Seller, month: date) -> list[dict[str, Any]]:
    """Return the totals of the live documents dated in a month, in the form of `SUMS`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SUMS.format(seller='%s', month='%s::date')}", [seller.pk, month, month])
        sums: list[dict[str, Any]] = json.loads(cursor.fetchone()[0])
        return sums


def refuse_locked_months(seller_id: int, dates: Collection[date]) -> None:
    """:raises MonthLocked: if the seller has locked a month that one of these dates lies in."""
    locks = MonthLock.objects.filter(seller=seller_id, unlocked_at__isnull=True)
    lock = locks.filter(month__in={month_of(day) for day in dates}).select_related("seller").first()
    if lock is not None:
        raise _refusal(lock.month, lock.seller.legal_name)


_LOCKED_SELLERS = """
SELECT s.id, l.month, s.legal_name FROM customers_seller s
JOIN invoices_monthlock l ON l.seller_id = s.id AND l.unlocked_at IS NULL
WHERE s.id = ANY(%(sellers)s) AND l.month = date_trunc('month', greatest(%(at)s, (
    SELECT max(n.last_issued_at) FROM invoices_numberseries n
    WHERE n.seller_id = s.id AND n.kind = 'invoice' AND NOT n.sandbox)) AT TIME ZONE s.time_zone)::date
"""


def find_locked_sellers(seller_ids: Iterable[int], *, at: datetime) -> dict[int, MonthLocked]:
    """
    Return the sellers whose next invoice would be dated in a locked month, each with the error to report.

    An invoice is issued at `at`, or at the last time of issue of its series if that is later. A run over many sellers
    checks this beforehand, so that one seller's lock does not stop the others; issuing checks it again.
    """
    return {
        seller_id: _refusal(month, seller_name)
        for seller_id, month, seller_name in sql.fetch_rows(_LOCKED_SELLERS, {"sellers": list(seller_ids), "at": at})
    }


def _refusal(month: date, seller_name: str) -> MonthLocked:
    text = _("%(month)s of %(seller)s is locked. Date the invoice %(date)s or later, or unlock the month.")
    return MonthLocked(text % {"month": _month_name(month), "seller": seller_name, "date": next_month(month)})


def _month_name(month: date) -> str:
    return date_format(month, "F Y")


def _check_month(seller: Seller, month: date, *, at: datetime) -> None:
    if month != month_of(month):
        text = _("%(date)s is not a month. Enter the first day of a month.")
        raise MonthLockRefused(text % {"date": month})
    month_end = month_bounds(month, ZoneInfo(seller.time_zone))[1]
    if at < month_end:
        text = _("%(month)s of %(seller)s ends at %(time)s. Lock it after that.")
        values = {"month": _month_name(month), "seller": seller, "time": f"{month_end:%Y-%m-%d %H:%M %Z}"}
        raise MonthLockRefused(text % values)


def _lock_series(seller: Seller) -> None:
    """Lock the seller's live series, creating missing ones: nothing is issued until the commit."""
    for kind in DocumentKind:
        series_for(seller_id=seller.pk, sandbox=False, kind=kind)
    # In id order, as issuing locks them: waits for transactions that are issuing, and keeps new ones from starting.
    list(NumberSeries.objects.select_for_update().filter(seller=seller, sandbox=False).order_by("pk"))
