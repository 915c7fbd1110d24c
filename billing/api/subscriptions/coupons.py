"""Coupons of a subscription over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from billing import subscriptions
from billing.api.subscriptions.views import SubscriptionRows
from billing.models import Redemption
from customers.customer_time import current_time
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.operations import list_rows, post
from plans.api.coupons import CouponSerializer, coupon_named


class RedemptionSerializer(RowSerializer[Redemption]):
    """A coupon that a subscription has or had."""

    coupon = CouponSerializer()
    position = serializers.IntegerField(help_text="Its position in the order of application.")
    since = InstantField()
    invoices = serializers.IntegerField(source="used", help_text="Number of invoices discounted so far.")
    invoices_left = serializers.SerializerMethodField(help_text="Null if the coupon has no limit.")
    promoted = serializers.SerializerMethodField(help_text="Whether it was given automatically as a promotion.")
    ended_at = InstantField(allow_null=True)

    class Meta:
        model = Redemption
        fields = ["coupon", "position", "since", "invoices", "invoices_left", "promoted", "ended_at", "ended_reason"]

    def get_invoices_left(self, redemption: Any) -> int | None:
        """Return the number of invoices that the coupon still applies to."""
        if redemption.ended_at is not None:
            return 0
        return None if redemption.coupon.documents is None else redemption.coupon.documents - redemption.used

    def get_promoted(self, redemption: Redemption) -> bool:
        """Return whether a promotion gave the coupon."""
        return redemption.promotion_id is not None


class NewRedemptionSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The coupon to give to the subscription."""

    coupon = serializers.CharField(max_length=64, help_text="The coupon's code.")

    validate_coupon = staticmethod(coupon_named)


class RemovalSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The reason for the removal."""

    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class Redemptions(SubscriptionRows[Redemption]):
    """The coupons of one subscription visible to the caller, including ended ones."""

    queryset = Redemption.objects.with_use()
    serializer_class = RedemptionSerializer

    list_all = list_rows(
        "list_redemptions", "List a subscription's coupons, newest first", "All coupons, including ended ones."
    )

    @post(
        "redeem_coupon",
        "Apply a coupon to a subscription",
        "Discounts the next invoices, after the coupons that the subscription already has.",
        request=NewRedemptionSerializer,
        status=201,
        refusals={subscriptions.CouponRefused: "conflict"},
        examples={"A coupon": {"coupon": "SPRING-25"}},
    )
    def redeem(self, request: Request, subscription: str) -> Redemption:
        fields, owner = self.read_body(), self.owner
        at = current_time(owner.customer)
        return self.reload(subscriptions.apply_coupon(subscription=owner, **fields, at=at))

    @post(
        "remove_coupon",
        "Remove a coupon",
        "Later invoices are not discounted; issued invoices do not change.",
        request=RemovalSerializer,
    )
    def remove(self, request: Request, subscription: str, coupon: str) -> Redemption:
        fields = self.read_body()
        active = self.get_queryset().filter(coupon__code=coupon.upper(), ended_at__isnull=True)
        redemption = get_object_or_404(active)
        at = current_time(self.owner.customer)
        return self.reload(subscriptions.remove_coupon(redemption=redemption, **fields, at=at))
