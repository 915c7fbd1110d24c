"""
Shares of a period, and prices split by them.

A share is an exact fraction. Credit for the unused part + charge for the used part = the full price, always,
because both come out of one split.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

from lib.decimals import EXACT
from lib.money import allocate, minor_unit, round_money
from plans.pricing.period_anchor import utc

By = Literal["second", "day", "none"]

_TICK = timedelta(microseconds=1)


def share(
    start: datetime, end: datetime, *, full_start: datetime, full_end: datetime, by: By, zone: ZoneInfo
) -> Fraction:
    """
    Return which share of the full interval [full_start, full_end) the part [start, end) is, exactly.

    by: "second" takes real elapsed time, to the microsecond; "day" counts local calendar days from the
        start's to the end's, so that the day of a change belongs to what follows it; "none" does not prorate:
        any part at all is the whole.
    zone: the customer's, for days.

    The unused part is always 1 - share(used), also by "none", where nothing is left over.

    :raises ValueError: if the part is not within the full interval, or the full one is empty (by "day":
        within a day).

    Source: docs/pricing.md#proration.
    """
    used, whole = (utc(start), utc(end)), (utc(full_start), utc(full_end))
    if not whole[0] <= used[0] <= used[1] <= whole[1]:
        raise ValueError(f"[{start}, {end}) is not a part of [{full_start}, {full_end}).")
    if by == "none":
        return Fraction(int(used[0] < used[1]))
    length = _days if by == "day" else _ticks
    if not length(*whole, zone):
        raise ValueError(f"[{full_start}, {full_end}) has no {by} to take a share of: prorate it by second.")
    return Fraction(length(*used, zone), length(*whole, zone))


def included_in_part(units: Decimal, part: Fraction) -> Decimal:
    """
    Return a share of what is included, rounded up to as many decimal places as the whole has.

    units: zero or more. part: 0 to 1.

    Source: docs/pricing.md#allowances-in-part.
    """
    places = max(-int(units.normalize().as_tuple().exponent), 0)
    return EXACT.scaleb(Decimal(ceil(Fraction(units) * part * 10**places)), -places)


def prorate(amount: Decimal | Fraction, part: Fraction, currency: str) -> Decimal:
    """
    Return a share of an exact amount, rounded once to the currency's minor unit.

    For two parts of one price use `split`: rounded apart, they need not sum to it.

    Source: docs/pricing.md#proration.
    """
    return round_money(Fraction(amount) * part, currency)


def split(amount: Decimal | Fraction, shares: Sequence[Fraction], currency: str) -> tuple[Decimal, ...]:
    """
    Split a price by shares that sum to 1, without a remainder: credit + charge = full price.

    amount: exact; it is rounded once as a whole, then split by largest remainder in the currency's minor
        unit.

    :raises ValueError: if the shares do not sum to 1.

    Source: docs/pricing.md#proration.
    """
    if sum(shares) != 1:
        raise ValueError(f"The shares sum to {sum(shares)}, not 1: name what is left as a share of its own.")
    return allocate(round_money(amount, currency), shares, minor_unit(currency))


def _ticks(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    return (end - start) // _TICK


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days
