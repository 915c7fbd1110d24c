"""Calendar months, each named by its first day."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

DECEMBER = 12


def month_of(day: date) -> date:
    """Return the month that a day lies in."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // DECEMBER, month.month % DECEMBER + 1, 1)


def month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % DECEMBER + 1, 1)


def month_edges(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a month begins, and when the next one does, by the clocks of a zone."""
    return (datetime.combine(month, time.min, zone), datetime.combine(next_month(month), time.min, zone))
