"""The part of an amount that is earned by a time: docs/recognition.md#schedules."""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction

from lib.money import round_to

_MICROSECOND = timedelta(microseconds=1)


def earned(
    net: Decimal, start: datetime, end: datetime, at: datetime, *, places: int, by_day: bool, zone: tzinfo
) -> Decimal:
    """
    Return the part of a net amount that a schedule over [start, end) has earned by a time, rounded once.

    places: decimal places of the currency. by_day: whether the days of `zone` before the one of `at` count, not the
        exact time. A schedule whose start and end are equal earns all of it at that instant.

    The books compute the same in SQL (billing/revenue/ledger/sources/schedules.py); a test compares the two.
    """
    if at >= end:
        return net
    if at <= start:
        return Decimal(0)
    if by_day:
        elapsed, whole = _days(start, at, zone), max(_days(start, end, zone), 1)
    else:
        elapsed, whole = _microseconds(start, at), _microseconds(start, end)
    return round_to(Fraction(net) * elapsed / whole, Decimal(1).scaleb(-places))


def _days(start: datetime, end: datetime, zone: tzinfo) -> int:
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days


def _microseconds(start: datetime, end: datetime) -> int:
    # In UTC: the difference of two times of one zone is that of its clock, which is set forward and back.
    return (end.astimezone(UTC) - start.astimezone(UTC)) // _MICROSECOND
