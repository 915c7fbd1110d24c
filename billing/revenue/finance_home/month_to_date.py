"""The running month of a seller up to a time, and the same span of the month before: docs/revenue-reports.md#home."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from customers.models import Seller
from invoices.documents.calendar_months import last_day_of, month_before, month_bounds, month_of


@dataclass(frozen=True, slots=True)
class MonthToDate:
    """
    A running month and the one before, in the seller's calendar.

    at: the time of reading. same_time: the same day and time of the month before, or that month's end if it is
    shorter. starts_at, previous_start: of the two months. ends_at: of the running one.
    """

    seller: Seller
    at: datetime
    month: date
    previous: date
    today: date
    starts_at: datetime
    ends_at: datetime
    previous_start: datetime
    same_time: datetime

    @property
    def last_day(self) -> date:
        return last_day_of(self.month)

    @property
    def days_left(self) -> int:
        """The whole days after today."""
        return (self.last_day - self.today).days

    @property
    def same_day(self) -> date:
        """Today's day in the month before, or that month's last one."""
        days = monthrange(self.previous.year, self.previous.month)[1]
        return self.previous.replace(day=min(self.today.day, days))


def month_to_date(seller: Seller, *, at: datetime) -> MonthToDate:
    """Return the running month of a seller at a time."""
    zone = ZoneInfo(seller.time_zone)
    local = at.astimezone(zone)
    month = month_of(local.date())
    previous = month_before(month)
    days = monthrange(previous.year, previous.month)[1]
    starts_at, ends_at = month_bounds(month, zone)
    same_time = starts_at if local.day > days else local.replace(year=previous.year, month=previous.month)
    return MonthToDate(
        seller, at, month, previous, local.date(), starts_at, ends_at, month_bounds(previous, zone)[0], same_time
    )


class Comparison(NamedTuple):
    """An amount now, and by the same time of the month before. rows: the number behind the amount, where known."""

    now: Decimal
    then: Decimal
    rows: int = 0

    @property
    def change(self) -> Fraction | None:
        """The change as a share of the earlier amount; None if that was zero."""
        return (Fraction(self.now) - Fraction(self.then)) / abs(Fraction(self.then)) if self.then else None
