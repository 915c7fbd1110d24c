"""The state of a customer's coupon: its current coupon period, and the amount left in it."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing.models import Redemption
from plans.pricing.coupon_periods import amount_left, coupon_period_number


class CouponBalance(NamedTuple):
    """
    The state of a customer's coupon at a time.

    periods_left: coupon periods that it still applies to, with the current one; None if it has no limit.
    left: the amount left in the current coupon period; None for a percentage, zero once the coupon is over.
    """

    periods_left: int | None
    left: Decimal | None


def coupon_balance(redemption: Redemption, *, at: datetime) -> CouponBalance:
    """
    Return the state of a customer's coupon.

    redemption: with its coupon and `taken`, as `Redemption.objects.with_taken` returns it.
    """
    coupon = redemption.coupon
    most = coupon.documents
    if redemption.ended_at is not None and redemption.ended_at <= at:
        return CouponBalance(0, None if coupon.amount is None else Decimal(0))
    number = coupon_period_number(
        max(at, redemption.since),
        since=redemption.since,
        months=coupon.period_months,
        time_zone=redemption.time_zone,
    )
    periods_left = None if most is None else max(most - number, 0)
    if coupon.amount is None:
        return CouponBalance(periods_left, None)
    if periods_left == 0:
        return CouponBalance(0, Decimal(0))
    taken = {int(period): Decimal(amount) for period, amount in redemption.taken.items()}
    return CouponBalance(periods_left, amount_left(coupon.amount, number, taken, carries_over=coupon.carries_over))
