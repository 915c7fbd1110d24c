"""Coupons of a subscription, and of a customer, over HTTP."""

from datetime import datetime
from typing import Any

from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from billing import subscriptions
from billing.api.subscriptions.views import SubscriptionRows
from billing.closing.coupon_balance import CouponBalance, coupon_balance
from billing.models import Redemption
from customers.api.views import CustomerRows
from customers.customer_time import current_time
from lib.api.field_rules import FieldRule, one_of
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import serialize_amount
from lib.api.operations import list_rows, post
from plans.api.coupons import CouponSerializer, coupon_named
from plans.api.rating_result import AmountDocument

POSITION = "Its position in the order of application."
REDEEM_EXAMPLES = {"A coupon": {"coupon": "SPRING-25"}, "A promotion code": {"code": "WELCOME"}}


class RedemptionSerializer(RowSerializer[Redemption]):
    """A coupon that a subscription has or had."""

    coupon = CouponSerializer()
    code = serializers.CharField(
        source="promotion_code.code",
        default=None,
        allow_null=True,
        help_text="The promotion code that redeemed it, or null.",
    )
    position = serializers.IntegerField(help_text=POSITION)
    since = InstantField()
    invoices = serializers.IntegerField(source="used", help_text="Number of invoices discounted so far.")
    invoices_left = serializers.SerializerMethodField(help_text="Null if the coupon has no limit.")
    promoted = serializers.SerializerMethodField(help_text="Whether it was given automatically as a promotion.")
    ended_at = InstantField(allow_null=True)

    class Meta:
        model = Redemption
        fields = [
            *("coupon", "code", "position", "since", "invoices", "invoices_left", "promoted", "ended_at"),
            "ended_reason",
        ]

    def get_invoices_left(self, redemption: Redemption) -> int | None:
        """Return the number of invoices that the coupon still applies to."""
        if redemption.ended_at is not None:
            return 0
        return None if redemption.coupon.documents is None else redemption.coupon.documents - redemption.used

    def get_promoted(self, redemption: Redemption) -> bool:
        """Return whether a promotion gave the coupon."""
        return redemption.promotion_id is not None


class CustomerRedemptionSerializer(RowSerializer[Redemption]):
    """A coupon that a customer has or had for all its subscriptions."""

    coupon = CouponSerializer()
    code = serializers.CharField(
        source="promotion_code.code",
        default=None,
        allow_null=True,
        help_text="The promotion code that redeemed it, or null.",
    )
    position = serializers.IntegerField(help_text=POSITION)
    since = InstantField()
    invoices = serializers.IntegerField(source="used", help_text="Number of invoices discounted so far.")
    coupon_periods_left = serializers.SerializerMethodField(
        help_text="With the current one. Null if the coupon has no limit."
    )
    amount_left = serializers.SerializerMethodField(
        help_text="Amount left in the current coupon period. Null for a percentage."
    )
    ended_at = InstantField(allow_null=True)

    class Meta:
        model = Redemption
        fields = [
            *("coupon", "code", "position", "since", "invoices", "coupon_periods_left", "amount_left", "ended_at"),
            "ended_reason",
        ]

    def _balance(self, redemption: Redemption) -> CouponBalance:
        return coupon_balance(redemption, at=self.context["view"].at)

    def get_coupon_periods_left(self, redemption: Redemption) -> int | None:
        """Return the number of coupon periods that it still applies to."""
        return self._balance(redemption).periods_left

    @extend_schema_field(AmountDocument(allow_null=True))
    def get_amount_left(self, redemption: Redemption) -> dict[str, str] | None:
        """Return the amount left in the current coupon period."""
        left = self._balance(redemption).left
        return None if left is None else serialize_amount(left, redemption.coupon.currency)


class NewRedemptionSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The coupon to redeem, or the promotion code that a customer entered: one of the two."""

    coupon = serializers.CharField(max_length=64, required=False, help_text="The coupon's code.")
    code = serializers.CharField(max_length=64, required=False, help_text="A promotion code, in any letter case.")

    rules = (FieldRule(one_of("coupon", "code"), "coupon", "Send either a coupon or a promotion code."),)

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
        "Discounts the next invoices, after the coupons that the subscription already has. A promotion code's limits"
        " apply as well.",
        request=NewRedemptionSerializer,
        status=201,
        refusals={subscriptions.CouponRefused: "conflict"},
        examples=REDEEM_EXAMPLES,
    )
    def redeem(self, request: Request, subscription: str) -> Redemption:
        fields, owner = self.read_body(), self.owner
        redeem = subscriptions.redeem_code if "code" in fields else subscriptions.apply_coupon
        return self.reload(redeem(subscription=owner, **fields, at=current_time(owner.customer)))

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


class CustomerRedemptions(CustomerRows[Redemption]):
    """The coupons of one customer for all its subscriptions, including ended ones."""

    queryset = Redemption.objects.with_use().with_taken()
    serializer_class = CustomerRedemptionSerializer

    @cached_property
    def at(self) -> datetime:
        """The customer's current time."""
        return current_time(self.owner)

    list_all = list_rows(
        "list_customer_coupons",
        "List a customer's coupons, newest first",
        "All coupons for all of its subscriptions, including ended ones.",
    )

    @post(
        "redeem_customer_coupon",
        "Apply a coupon to a customer",
        "Discounts the next invoices of all its subscriptions, in coupon periods; an amount is shared by the invoices"
        " of each. A promotion code's limits apply as well.",
        request=NewRedemptionSerializer,
        status=201,
        refusals={subscriptions.CouponRefused: "conflict"},
        examples=REDEEM_EXAMPLES,
    )
    def redeem(self, request: Request, customer: str) -> Redemption:
        fields, owner = self.read_body(), self.owner
        redeem = subscriptions.redeem_code if "code" in fields else subscriptions.apply_customer_coupon
        return self.reload(redeem(customer=owner, **fields, at=self.at))

    @post(
        "remove_customer_coupon",
        "Remove a customer's coupon",
        "Later invoices are not discounted; issued invoices do not change.",
        request=RemovalSerializer,
    )
    def remove(self, request: Request, customer: str, coupon: str) -> Redemption:
        fields = self.read_body()
        active = self.get_queryset().filter(coupon__code=coupon.upper(), ended_at__isnull=True)
        redemption = get_object_or_404(active)
        return self.reload(subscriptions.remove_coupon(redemption=redemption, **fields, at=self.at))
