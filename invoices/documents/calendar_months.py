"""Calendar months, each represented by its first day."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DECEMBER = 12


def month_of(day: date) -> date:
    """Return the month of a day."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // DECEMBER, month.month % DECEMBER + 1, 1)


def month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % DECEMBER + 1, 1)


def last_day_of(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def month_bounds(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the start of a month and of the next one, in a time zone."""
    return (datetime.combine(month, time.min, zone), datetime.combine(next_month(month), time.min, zone))
