"""
Shares of a period, and prices split by them.

A share is an exact fraction. The credit for the unused part and the charge for the used part always sum to the full
price, because one split produces both.
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
from plans.pricing.period_anchor import to_utc

ProrationUnit = Literal["second", "day", "none"]

_MICROSECOND = timedelta(microseconds=1)


def share_of_interval(
    start: datetime, end: datetime, *, full_start: datetime, full_end: datetime, by: ProrationUnit, zone: ZoneInfo
) -> Fraction:
    """
    Return the part [start, end) as a share of the full interval [full_start, full_end), exactly.

    by: "second" takes real elapsed time, to the microsecond; "day" counts local calendar days from the start's to the
    end's, so that the day of a change belongs to the part after the change; "none" does not prorate: any part counts
    as the full interval.
    zone: the customer's, for days.

    The unused part is always 1 - share_of_interval(used), also with "none", which leaves no unused part.

    :raises ValueError: if the part is not within the full interval, or the full interval is empty (by "day": within
    one day).

    Source: docs/pricing.md#proration.
    """
    part, full = (to_utc(start), to_utc(end)), (to_utc(full_start), to_utc(full_end))
    if not full[0] <= part[0] <= part[1] <= full[1]:
        raise ValueError(f"[{start}, {end}) is not within [{full_start}, {full_end}).")
    if by == "none":
        return Fraction(int(part[0] < part[1]))
    measure = _local_days if by == "day" else _microseconds
    if not measure(*full, zone):
        raise ValueError(f"[{full_start}, {full_end}) has no {by} to prorate by. Prorate it by second.")
    return Fraction(measure(*part, zone), measure(*full, zone))


def prorate_allowance(units: Decimal, share: Fraction) -> Decimal:
    """
    Return a share of an allowance, rounded up to as many decimal places as the full allowance has.

    units: zero or more. share: 0 to 1.

    Source: docs/pricing.md#prorated-allowances.
    """
    places = max(-int(units.normalize().as_tuple().exponent), 0)
    return EXACT.scaleb(Decimal(ceil(Fraction(units) * share * 10**places)), -places)


def prorate(amount: Decimal | Fraction, share: Fraction, currency: str) -> Decimal:
    """
    Return a share of an exact amount, rounded once to the currency's minor unit.

    For two parts of one price use `split`: rounded separately, their sum may differ from the price.

    Source: docs/pricing.md#proration.
    """
    return round_money(Fraction(amount) * share, currency)


def split(amount: Decimal | Fraction, shares: Sequence[Fraction], currency: str) -> tuple[Decimal, ...]:
    """
    Split a price by shares that sum to 1, without a remainder: credit + charge = full price.

    amount: exact; it is rounded once, then split by largest remainder in the currency's minor unit.

    :raises ValueError: if the shares do not sum to 1.

    Source: docs/pricing.md#proration.
    """
    if sum(shares) != 1:
        raise ValueError(f"The shares sum to {sum(shares)}, not 1. Give the remainder its own share.")
    return allocate(round_money(amount, currency), shares, minor_unit(currency))


def _microseconds(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    return (end - start) // _MICROSECOND


def _local_days(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days
