"""The status of the last months of sellers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from customers.models import Seller
from invoices.documents.calendar_months import month_before, month_of
from invoices.models import MonthLock
from lib import sql

MONTHS = 12
MAX_SELLERS = 20
"""One column per seller: more would not fit the width of a page."""


@dataclass(frozen=True, slots=True)
class MonthStatus:
    """
    The status of a seller's month.

    open, failed: periods that ended by its end and are not billed yet.
    is_over: in the seller's time zone.
    lock: the lock in force, if any.
    """

    seller: Seller
    month: date
    is_over: bool
    open: int = 0
    failed: int = 0
    lock: MonthLock | None = None


# A period that ends with a month belongs to that month; fees due in advance at a start belong to the month that
# begins. 60 days is the longest grace period, so older rows of the queue need not be read.
_OPEN = """
SELECT s.id, date_trunc('month', (p.ends_at - CASE p.kind WHEN 'regular' THEN interval '1 microsecond'
        ELSE interval '0' END) AT TIME ZONE s.time_zone)::date,
    count(*) FILTER (WHERE p.error = ''), count(*) FILTER (WHERE p.error <> '')
FROM billing_period p JOIN billing_subscription b ON b.id = p.subscription_id
JOIN customers_seller s ON s.id = b.seller_id
WHERE p.state = 'open' AND p.due_at <= %(at)s::timestamptz + interval '60 days' AND p.ends_at <= %(at)s
    AND NOT b.sandbox AND s.id = ANY(%(sellers)s) GROUP BY 1, 2
"""


def read_overview(sellers: Sequence[Seller], *, at: datetime) -> list[list[MonthStatus]]:
    """Return for each of the last months, the latest first, its status for each seller; at most MAX_SELLERS."""
    months = [month_of(at.date())]
    while len(months) < MONTHS:
        months.append(month_before(months[-1]))
    locks = MonthLock.objects.filter(seller__in=sellers, month__in=months, unlocked_at__isnull=True)
    locked = {(lock.seller_id, lock.month): lock for lock in locks.select_related("locked_by")}
    parameters = {"at": at, "sellers": [seller.pk for seller in sellers]}
    open_counts = {(seller, month): counts for seller, month, *counts in sql.fetch_rows(_OPEN, parameters)}
    return [[_month_status(seller, month, at, open_counts, locked) for seller in sellers] for month in months]


def _month_status(
    seller: Seller,
    month: date,
    at: datetime,
    open_counts: dict[tuple[int, date], list[int]],
    locked: dict[tuple[int, date], MonthLock],
) -> MonthStatus:
    open_, failed = open_counts.get((seller.pk, month), (0, 0))
    is_over = month < month_of(at.astimezone(ZoneInfo(seller.time_zone)).date())
    return MonthStatus(seller, month, is_over, open_, failed, locked.get((seller.pk, month)))
