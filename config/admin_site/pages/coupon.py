"""The coupon page."""

from django.contrib import admin

from billing.admin.subscriptions.coupons import CouponRedemptions
from plans.admin.catalog.coupons import CouponAdmin
from plans.models import Coupon


@admin.register(Coupon)
class CouponPage(CouponRedemptions, CouponAdmin):
    list_display = ("code", "name", "takes_off", "lasts", "redeemed_shown", "given", "state")
    actions_detail = ("archive",)
