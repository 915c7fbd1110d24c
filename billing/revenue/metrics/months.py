"""The months of a seller's books: when each ends, and the lock in force."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Min, QuerySet

from billing.models import Subscription
from customers.models import Seller
from invoices.documents.calendar_months import month_before, month_bounds, month_of, next_month
from invoices.models import MonthLock

MAX_MONTHS = 1_200
"""A century of months: a bound on a statement's size; earlier months count for nothing."""


class NoSuchMonths(ValueError):
    """The requested months have no recurring revenue to show. field: the parameter that is wrong."""

    def __init__(self, text: str, *, field: str = "until") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class BooksMonth:
    """
    A month of the seller's calendar.

    ends_at: the first instant after it, or the time of the report while it runs. is_over: whether it is complete.
    lock_id: the lock in force, whose frozen rows are its figures; None while the month is open or being locked.
    """

    month: date
    ends_at: datetime
    is_over: bool
    lock_id: int | None = None


def read_months(seller: Seller, *, at: datetime) -> list[BooksMonth]:
    """
    Return the months from the seller's first live subscription to `at`, in order of time; none without one.

    They begin with the first one, because only the earlier months show whether a customer starts or returns.
    """
    live = Subscription.objects.filter(seller=seller, customer__sandbox=False)
    first = live.exclude(state="draft").aggregate(first=Min("starts_at"))["first"]
    if first is None or first >= at:
        return []
    locks = dict(frozen_locks(seller).values_list("month", "pk"))
    zone = ZoneInfo(seller.time_zone)
    return list(_months(month_of(first.astimezone(zone).date()), zone, locks, at))[-MAX_MONTHS:]


def frozen_locks(seller: Seller) -> QuerySet[MonthLock]:
    """Return the locks in force whose rows are complete. Months are locked in order, so theirs are consecutive."""
    return MonthLock.objects.filter(seller=seller, unlocked_at__isnull=True, frozen_at__isnull=False)


def _months(month: date, zone: ZoneInfo, locks: dict[date, int], at: datetime) -> Iterator[BooksMonth]:
    while month_bounds(month, zone)[0] < at:
        end = month_bounds(month, zone)[1]
        yield BooksMonth(month, min(end, at), end <= at, locks.get(month))
        month = next_month(month)


def month_range(seller: Seller, last: date, *, count: int) -> list[tuple[date, datetime]]:
    """Return the last `count` months up to `last` in order of time, each with its end by the seller's calendar."""
    months = [last]
    while len(months) < count:
        months.append(month_before(months[-1]))
    zone = ZoneInfo(seller.time_zone)
    return [(month, month_bounds(month, zone)[1]) for month in reversed(months)]
