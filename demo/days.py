"""
The dates of the demo's requests and subscriptions, relative to the demo's own today: see data/README.md.

The mapping has no dates, so the demo looks the same on any day: last month is over and the current one is filling, in
each customer's own time zone.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

GRACE = timedelta(hours=1)
"""Grace period: a month that ended less than this ago still counts as the current one."""

PLACES = 100_000
DAY = 86_400


def month_start(at: datetime, zone: ZoneInfo, *, months_back: int) -> date:
    """Return the first day of the month that is `months_back` months before the current one."""
    current = (at - GRACE).astimezone(zone)
    months = current.year * 12 + current.month - 1 - months_back
    return date(months // 12, months % 12 + 1, 1)


def subscription_start(at: datetime, zone: ZoneInfo, *, months_back: int, day: int, clock: time) -> datetime:
    """Return when a subscription starts; a day that the month lacks becomes its last day."""
    first = month_start(at, zone, months_back=months_back)
    last_day = monthrange(first.year, first.month)[1]
    return datetime.combine(first.replace(day=min(day, last_day)), clock, tzinfo=zone).astimezone(UTC)


def first_day(at: datetime, zone: ZoneInfo, *, starts_at: datetime | None) -> date:
    """Return the first day with requests: the 1st of last month, or the subscription's first whole day after it."""
    earliest = month_start(at, zone, months_back=1)
    if starts_at is None:
        return earliest
    local = starts_at.astimezone(zone)
    whole_day = local.date() if local.time() == time() else local.date() + timedelta(days=1)
    return max(earliest, whole_day)


def moment(place: int, second: int, *, first: date, at: datetime, zone: ZoneInfo) -> datetime:
    """
    Return the time of a request, in whole seconds of UTC, before `at`.

    place: share of the days from `first` through today, in PLACES. second: of that day in the zone; today's requests
        are compressed into the part of the day that has passed.
    """
    today = at.astimezone(zone).date()
    days = (today - first).days + 1
    day = first + timedelta(days=place * days // PLACES)
    midnight = datetime.combine(day, time(), tzinfo=zone)
    if day < today:
        return (midnight + timedelta(seconds=second)).astimezone(UTC)
    passed = int((at - midnight.astimezone(UTC)).total_seconds())
    return midnight.astimezone(UTC) + timedelta(seconds=passed * second // DAY)
