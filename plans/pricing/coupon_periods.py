"""Coupons of a customer: coupon periods, and the amount that is left of a fixed coupon in each."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from lib.decimals import EXACT, ZERO
from plans.pricing.calendar import Anchor, Interval, period_containing


def coupon_period_number(moment: datetime, *, since: datetime, months: int, time_zone: str) -> int:
    """
    Return the number of the coupon period that contains a time; the first one, which begins at `since`, is 0.

    months: length of a coupon period, 1 to 120; it is counted from the local date and time of `since`.

    :raises OutsideCalendar: if the time is before `since`.

    Source: docs/pricing.md#coupon-periods.
    """
    anchor = Anchor("anniversary", since, Interval("month", months), ZoneInfo(time_zone))
    return period_containing(anchor, moment).n


def amount_left(amount: Decimal, number: int, taken: Mapping[int, Decimal], *, carries_over: bool) -> Decimal:
    """
    Return the amount of a customer's fixed coupon that an invoice of a coupon period may still take, zero or more.

    amount: per coupon period. number: of the coupon period, from 0.
    taken: number of a coupon period → the amount that invoices have taken in it, before or after this one.
    carries_over: whether an amount that is left at a coupon period's end is added to the next one. Then invoices of
        the periods up to any one may take its multiple of the amount, and an invoice that is issued late finds no
        more than the invoices of later periods have left.

    Source: docs/pricing.md#coupon-periods.
    """
    if not carries_over:
        return max(EXACT.subtract(amount, taken.get(number, ZERO)), ZERO)
    total, lefts = ZERO, []
    # A period without invoices only adds to the sum, so the least is left at the end of one with invoices.
    for n in sorted({number, *taken}):
        total = EXACT.add(total, taken.get(n, ZERO))
        if n >= number:
            lefts.append(EXACT.subtract(EXACT.multiply(amount, Decimal(n + 1)), total))
    return max(min(lefts), ZERO)
