"""Redeem promotion codes: docs/closing.md#promotion-codes."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.models import Redemption, Subscription
from billing.subscriptions.terms.coupon_refusals import CouponRefused
from billing.subscriptions.terms.coupons import apply_coupon, apply_customer_coupon
from customers.models import Customer
from plans.models import PromotionCode


def find_code(code: str) -> PromotionCode:
    """
    Return the promotion code of this text, ignoring case and spaces around it.

    :raises CouponRefused: if there is none.
    """
    promotion_code = PromotionCode.objects.select_related("coupon").filter(code=code.strip().upper()).first()
    if promotion_code is None:
        text = _("There is no promotion code “%(code)s”. Check its spelling.") % {"code": code}
        raise CouponRefused(text, "unknown")
    return promotion_code


def redeem_code(
    *,
    code: str,
    at: datetime,
    subscription: Subscription | None = None,
    customer: Customer | None = None,
    by: User | None = None,
) -> Redemption:
    """
    Redeem a promotion code for a subscription, or for all subscriptions of a customer.

    :raises CouponRefused: if there is no such code, if it or its coupon can't be redeemed at `at`, or as
        `apply_coupon` and `apply_customer_coupon` do.
    """
    promotion_code = find_code(code)
    coupon = promotion_code.coupon
    if customer is not None:
        return apply_customer_coupon(customer=customer, coupon=coupon, at=at, by=by, promotion_code=promotion_code)
    if subscription is None:
        raise TypeError("redeem_code() needs a subscription or a customer")
    return apply_coupon(subscription=subscription, coupon=coupon, at=at, by=by, promotion_code=promotion_code)
