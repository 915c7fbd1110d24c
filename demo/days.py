"""
When the demo's requests happen and its subscriptions start, counted from the demo's own today: see data/README.md.

The mapping holds no dates, so the demo looks the same whenever it is run: last month is over and the current one is
filling, by each customer's own clock.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

GRACE = timedelta(hours=1)
"""How long a month is waited for: one that ended less than this ago still counts as the current one."""

PLACES = 100_000
DAY = 86_400


def month_start(at: datetime, zone: ZoneInfo, *, months_back: int) -> date:
    """Return the first day of the month that many months before the current one."""
    current = (at - GRACE).astimezone(zone)
    months = current.year * 12 + current.month - 1 - months_back
    return date(months // 12, months % 12 + 1, 1)


def subscription_start(at: datetime, zone: ZoneInfo, *, months_back: int, day: int, clock: time) -> datetime:
    """Return when a subscription starts; a day that the month lacks becomes its last one."""
    first = month_start(at, zone, months_back=months_back)
    last_day = monthrange(first.year, first.month)[1]
    return datetime.combine(first.replace(day=min(day, last_day)), clock, tzinfo=zone).astimezone(UTC)


def first_day(at: datetime, zone: ZoneInfo, *, starts_at: datetime | None) -> date:
    """Return the first day with requests: the 1st of last month, or the subscription's first whole day after it."""
    earliest = month_start(at, zone, months_back=1)
    if starts_at is None:
        return earliest
    local = starts_at.astimezone(zone)
    whole = local.date() if local.time() == time() else local.date() + timedelta(days=1)
    return max(earliest, whole)


def moment(place: int, second: int, *, first: date, at: datetime, zone: ZoneInfo) -> datetime:
    """
    Return when a request happens, in whole seconds of UTC, before `at`.

    place: share of the days from `first` up to and with today, in PLACES. second: of that day on the zone's clock;
    today's requests are squeezed into the part of the day that has passed.
    """
    today = at.astimezone(zone).date()
    days = (today - first).days + 1
    day = first + timedelta(days=place * days // PLACES)
    midnight = datetime.combine(day, time(), tzinfo=zone)
    if day < today:
        return (midnight + timedelta(seconds=second)).astimezone(UTC)
    passed = int((at - midnight.astimezone(UTC)).total_seconds())
    return midnight.astimezone(UTC) + timedelta(seconds=passed * second // DAY)
