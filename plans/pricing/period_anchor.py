"""The anchor of billing periods, and their interval."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

IntervalUnit = Literal["hour", "day", "week", "month", "quarter", "year"]
AnchorKind = Literal["calendar", "anniversary"]

_HOURS: dict[str, int] = {"hour": 1}
_DAYS: dict[str, int] = {"day": 1, "week": 7}
MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}
# Ten years, counted in months.
MAX_INTERVAL_UNITS = 120
_MONTHS_OF_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """
    The length of a period: `count` hours, days, weeks, months, quarters or years.

    count: 1 to 120. Hours are elapsed time, and only usage windows are counted in them; days and longer units follow
    the calendar.
    """

    unit: IntervalUnit
    count: int = 1

    def __post_init__(self) -> None:
        units = [*_HOURS, *_DAYS, *MONTHS]
        if self.unit not in units:
            raise ValueError(f"An interval is counted in {', '.join(units)}, not {self.unit!r}.")
        if not 1 <= self.count <= MAX_INTERVAL_UNITS:
            raise ValueError(f"An interval has 1 to {MAX_INTERVAL_UNITS} units, not {self.count}.")

    @property
    def hours(self) -> int:
        """Hours of the interval; 0 if it is counted in days or months."""
        return _HOURS.get(self.unit, 0) * self.count

    @property
    def days(self) -> int:
        """Days of the interval; 0 if it is counted in hours or months."""
        return _DAYS.get(self.unit, 0) * self.count

    @property
    def months(self) -> int:
        """Months of the interval; 0 if it is counted in hours or days."""
        return MONTHS.get(self.unit, 0) * self.count

    def multiplied_by(self, count: int) -> "Interval":
        """
        Return `count` of these intervals as one interval: 12 times a month.

        :raises ValueError: if the product has more than 120 units.

        Source: docs/pricing.md#fees-for-several-periods.
        """
        return Interval(self.unit, self.count * count)

    def is_longer_than(self, other: "Interval") -> bool:
        """Return whether the interval is longer; an interval of months is longer than any interval of days."""
        return (self.months, self.days * 24 + self.hours) > (other.months, other.days * 24 + other.hours)

    def is_multiple_of(self, other: "Interval") -> bool:
        """
        Return whether every boundary of the interval is a boundary of a shorter or equal one, for every anchor.

        For months, this holds if the interval is a multiple of single months, or of intervals that divide a year and
        itself divides a year; for days, if it is a multiple in units of the same kind, or of single days; for hours,
        if it is a multiple in hours.

        Source: docs/pricing.md#usage-windows.
        """
        if self == other:
            return True
        if self.hours or other.hours:
            # A day of a clock change has 23 or 25 hours.
            return self.hours > 0 and other.hours > 0 and self.hours % other.hours == 0
        if self.months and other.months:
            return self.months % other.months == 0 and (other.months == 1 or not _MONTHS_OF_A_YEAR % self.months)
        if self.months or other.months:
            return other.days == 1
        return self.days % other.days == 0 and (other.days == 1 or self.unit == other.unit)


@dataclass(frozen=True, slots=True)
class Anchor:
    """
    The start of a subscription's period cycle.

    kind: "anniversary" counts from the local date and time of `at`; "calendar" from the start of the calendar unit
    that contains `at`: 00:00 of the day, of Monday, of the 1st of the month or quarter, of 1 January. Intervals of
    several months that divide a year (2, 3, 4, 6) are counted from January, so half-years begin in January and July.
    at: start of the subscription, aware.
    zone: the customer's.

    Source: docs/pricing.md#periods.
    """

    kind: AnchorKind
    at: datetime
    interval: Interval
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.kind not in ("calendar", "anniversary"):
            raise ValueError(f"Periods are anchored to the calendar or the anniversary, not {self.kind!r}.")
        to_utc(self.at)


def to_utc(moment: datetime) -> datetime:
    """
    Return the time in UTC, in which differences are elapsed time.

    :raises ValueError: if it has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: pass an aware datetime.")
    return moment.astimezone(UTC)
