"""Why a coupon or a promotion code can't be redeemed."""

from datetime import datetime
from typing import Literal

from django.utils.translation import gettext as _

from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from customers.models import Customer
from plans.models import Coupon, PromotionCode

RefusalReason = Literal["unknown", "early", "over", "used_up", "scope", "already", "customer_limit", "new_customers"]


class CouponRefused(SubscriptionRefused):
    """
    A coupon can't be applied or removed; the text gives the reason and the remedy.

    reason: for the portal, which says it in the customer's words.
    """

    def __init__(self, text: str, reason: RefusalReason) -> None:
        super().__init__(text)
        self.reason = reason


def explain_refusal(redeemable: Coupon | PromotionCode, at: datetime) -> CouponRefused:
    """Return the refusal of a coupon or a promotion code that is not redeemable at `at`."""
    names = {"coupon": redeemable}
    if redeemable.archived_at is not None:
        return CouponRefused(_("%(coupon)s is archived and can't be applied.") % names, "over")
    if redeemable.redeem_from is not None and at < redeemable.redeem_from:
        time = f"{redeemable.redeem_from:%Y-%m-%d %H:%M %Z}"
        return CouponRefused(_("%(coupon)s can be applied from %(time)s.") % {**names, "time": time}, "early")
    if redeemable.redeem_until is not None and at >= redeemable.redeem_until:
        time = f"{redeemable.redeem_until:%Y-%m-%d %H:%M %Z}"
        return CouponRefused(_("%(coupon)s could be applied until %(time)s.") % {**names, "time": time}, "over")
    text = _("%(coupon)s has reached its limit of %(count)s redemptions.")
    return CouponRefused(text % {**names, "count": redeemable.redeemed}, "used_up")


def check_customer_limit(redeemable: Coupon | PromotionCode, customer: Customer, count: int) -> None:
    """
    Check a customer's limit of redemptions.

    count: number of its redemptions so far.

    :raises CouponRefused: if the limit is reached.
    """
    most = redeemable.most_per_customer
    if most is not None and count >= most:
        raise CouponRefused(
            _("%(customer)s has reached the limit of %(most)s for %(coupon)s (redeemed: %(count)s).")
            % {"customer": customer, "most": most, "coupon": redeemable, "count": count},
            "customer_limit",
        )
