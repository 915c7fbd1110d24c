"""
The months of a seller's books, and which of them are locked.

Months follow the seller's calendar. A locked month keeps the end that it had when it was locked, so a change of the
seller's time zone takes effect where the last locked month ended.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

from django.db.models import Q

from customers.models import Seller
from invoices.documents.calendar_months import month_bounds, month_of, next_month
from invoices.models import MonthLock
from lib import sql

MAX_MONTHS = 600
"""Fifty years. A month further away is a mistake in a date, and counts in the first or last month of the books."""


@dataclass(frozen=True, slots=True)
class SellerBooks:
    """
    A seller's months, in order and without a gap.

    months: their first days. ends: the instant at which each ends, which is the start of the next one.
    locks: month → the id of the lock that froze it; the frozen months are the first ones. A month that is being
        locked is still open here, but its end no longer changes.
    running: the place of the running month, which ends at the time of reading; later places are in the future.
    locked_at: the time of the last lock, until which later changes may be missing from locked months.
    """

    seller: Seller
    months: tuple[date, ...]
    ends: tuple[datetime, ...]
    running: int
    locks: Mapping[date, int] = field(default_factory=dict)
    locked_at: datetime | None = None

    @property
    def first_open(self) -> int:
        """The place of the first open month, counted from 1 as in SQL; late changes are booked in it."""
        return len(self.locks) + 1

    @property
    def first_open_month(self) -> date:
        return self.months[len(self.locks)]

    def place_of(self, month: date) -> int:
        """Return a month's place, counted from 1; months beyond the books count as its first or last one."""
        return min(max(bisect_right(self.months, month), 1), len(self.months))


def read_books(
    seller: Seller, *, at: datetime, months_ahead: int = 0, lock_ids: Collection[int] | None = None
) -> SellerBooks:
    """
    Return the books of a seller from their first month to the one that contains `at`.

    They begin with the month of the opening balances, or else with that of the first live invoice or subscription.
    The running month ends at `at`. months_ahead: more months after it, the first of them the rest of the running one.
    lock_ids: the locks to follow, which were in force at an earlier time, in place of those in force now.
    """
    followed = Q(unlocked_at__isnull=True) if lock_ids is None else Q(pk__in=lock_ids)
    in_force = MonthLock.objects.filter(followed, seller=seller)
    locks = {lock.month: lock for lock in in_force.only("month", "ends_at", "locked_at", "frozen_at")}
    zone = ZoneInfo(seller.time_zone)
    running = month_of(at.astimezone(zone).date())
    first = min(_first_month(seller) or running, *locks, running)
    months: list[date] = []
    ends: list[datetime] = []
    month = first
    while month < running and len(months) < MAX_MONTHS:
        months.append(month)
        ends.append(locks[month].ends_at if month in locks else month_bounds(month, zone)[1])
        month = next_month(month)
    months.append(running)
    ends.append(at)
    running_place = len(months)
    for _ in range(months_ahead):
        months.append(month)
        ends.append(month_bounds(month, zone)[1])
        month = next_month(month)
    locked = list(takewhile(lambda month: month in locks and locks[month].frozen_at is not None, months))
    return SellerBooks(
        seller,
        tuple(months),
        tuple(ends),
        running_place,
        {month: locks[month].pk for month in locked},
        locks[locked[-1]].locked_at if locked else None,
    )


# Periods come before their invoices, and purchases are invoiced at once. An opening balance says when books begin.
_FIRST = """
SELECT coalesce(
    (SELECT min(month) FROM billing_openingbalance WHERE seller_id = %(seller)s),
    least(
        (SELECT date_trunc('month', min(issue_date))::date FROM invoices_invoice
            WHERE seller_id = %(seller)s AND NOT sandbox AND state <> 'draft'),
        (SELECT date_trunc('month', min(s.starts_at) AT TIME ZONE %(zone)s)::date FROM billing_subscription s
            JOIN customers_customer c ON c.id = s.customer_id WHERE s.seller_id = %(seller)s AND NOT c.sandbox)
    ))
"""


def _first_month(seller: Seller) -> date | None:
    ((first,),) = sql.fetch_rows(_FIRST, {"seller": seller.pk, "zone": seller.time_zone})
    return first if first is None else month_of(first)
