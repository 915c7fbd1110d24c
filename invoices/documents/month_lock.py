"""
The month's lock: no live document is dated in a month that its seller has locked. Source: docs/closing.md#lock.

What counts is the date of the document; the supply that it bills may well lie in a locked month, as late usage does.
Sandbox documents are in nobody's books, and are not concerned.
"""

import json
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import QuerySet

from customers.models import Seller
from invoices.documents.calendar_months import month_edges, month_of, next_month
from invoices.documents.numbering import series_for
from invoices.models import DocumentKind, Invoice, MonthLock, NumberSeries
from invoices.models.invoices import InvoiceState
from invoices.models.month_locks import MOST_NOTE
from lib.audit_log import change

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
"""What the live documents of a seller's month come to: a row for each kind and currency, amounts as text."""


def issued_in(seller_id: int, month: date) -> QuerySet[Invoice]:
    """Return a seller's live documents that are dated in a month."""
    dated = {"issue_date__gte": month, "issue_date__lt": next_month(month)}
    return Invoice.objects.filter(seller=seller_id, sandbox=False, **dated).exclude(state=InvoiceState.DRAFT)


class MonthIsLocked(ValueError):
    """A document would be dated in a locked month; the text says which, and what to do."""


class CannotLock(ValueError):
    """A month cannot be locked, or unlocked; the text says why."""


def lock_month(
    *,
    seller: Seller,
    month: date,
    checklist: list[dict[str, Any]],
    note: str,
    by: AbstractBaseUser | None,
    at: datetime,
) -> MonthLock:
    """
    Lock a seller's month, together with what the checklist says of it.

    Whoever is issuing for the seller is waited for, so that the sums are those of all its documents.

    :raises CannotLock: if the month is not over by the seller's calendar, or locked already, or the note is too long.
    """
    _check_month(seller, month, at=at)
    if len(note) > MOST_NOTE:
        raise CannotLock(f"The note has more than {MOST_NOTE} characters.")
    with change("lock month", by=by, at=at):
        _hold_numbers(seller)
        if MonthLock.objects.filter(seller=seller, month=month, unlocked_at__isnull=True).exists():
            raise CannotLock(f"{month:%B %Y} of {seller} is locked already.")
        facts = {"checklist": checklist, "sums": sums_of(seller, month), "note": note}
        return MonthLock.objects.create(seller=seller, month=month, **facts, locked_by=by, locked_at=at)


def unlock_month(*, lock_id: int, reason: str, by: AbstractBaseUser | None, at: datetime) -> MonthLock:
    """
    Open a month again, for a reason that is kept; what was locked, and by whom, stays in the list of locks.

    :raises CannotLock: if no reason is given, or it was unlocked already.
    """
    if not reason.strip() or len(reason) > MOST_NOTE:
        raise CannotLock(f"Say why, in {MOST_NOTE} characters at most: the reason is kept with the lock.")
    with change("unlock month", by=by, at=at):
        lock = MonthLock.objects.select_for_update().get(pk=lock_id)
        if lock.unlocked_at is not None:
            raise CannotLock(f"{lock} was unlocked already.")
        lock.unlock_reason, lock.unlocked_by, lock.unlocked_at = reason.strip(), by, at
        lock.save(update_fields=["unlock_reason", "unlocked_by", "unlocked_at"])
    return lock


def sums_of(seller: Seller, month: date) -> list[dict[str, Any]]:
    """Return what the live documents that are dated in a month come to, as `SUMS` has it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SUMS.format(seller='%s', month='%s::date')}", [seller.pk, month, month])
        found: list[dict[str, Any]] = json.loads(cursor.fetchone()[0])
        return found


def refuse_locked(seller_id: int, dates: Collection[date]) -> None:
    """:raises MonthIsLocked: if the seller has locked a month that one of these dates lies in."""
    locked = MonthLock.objects.filter(seller=seller_id, unlocked_at__isnull=True)
    found = locked.filter(month__in={month_of(day) for day in dates}).select_related("seller").first()
    if found is not None:
        raise _refusal(found.month, found.seller.legal_name)


_SHUT = """
SELECT s.id, l.month, s.legal_name FROM customers_seller s
JOIN invoices_monthlock l ON l.seller_id = s.id AND l.unlocked_at IS NULL
WHERE s.id = ANY(%(sellers)s) AND l.month = date_trunc('month', greatest(%(at)s, (
    SELECT max(n.last_issued_at) FROM invoices_numberseries n
    WHERE n.seller_id = s.id AND n.kind = 'invoice' AND NOT n.sandbox)) AT TIME ZONE s.time_zone)::date
"""


def shut_at(seller_ids: Iterable[int], *, at: datetime) -> dict[int, MonthIsLocked]:
    """
    Return the sellers whose next invoice would be dated in a locked month, and what to say of it.

    An invoice is issued at `at`, except where one of the series bears a later time already. Who closes for many asks
    beforehand, so that one seller's lock stops nobody else; what is issued is checked again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SHUT, {"sellers": list(seller_ids), "at": at})
        return {id_: _refusal(month, name) for id_, month, name in cursor.fetchall()}


def _refusal(month: date, seller: str) -> MonthIsLocked:
    return MonthIsLocked(
        f"{month:%B %Y} of {seller} is locked, and takes no document: date it {next_month(month)} or later, or unlock"
        " the month."
    )


def _check_month(seller: Seller, month: date, *, at: datetime) -> None:
    if month != month_of(month):
        raise CannotLock(f"{month} is no month: name it by its first day.")
    over = month_edges(month, ZoneInfo(seller.time_zone))[1]
    if at < over:
        raise CannotLock(f"{month:%B %Y} of {seller} is not over before {over:%Y-%m-%d %H:%M %Z}.")


def _hold_numbers(seller: Seller) -> None:
    """Hold the seller's live series, which are made where there are none yet: nobody issues until the commit."""
    for kind in DocumentKind:
        series_for(seller_id=seller.pk, sandbox=False, kind=kind)
    list(NumberSeries.objects.select_for_update().filter(seller=seller, sandbox=False).order_by("pk"))
