"""Coupons of a subscription over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.models import Redemption, Subscription
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.problems import Problem
from plans.api.coupons import CouponSerializer
from plans.models import Coupon

EXAMPLE = OpenApiExample("A coupon", {"coupon": "SPRING-25"}, request_only=True)


class RedemptionSerializer(serializers.ModelSerializer[Redemption]):
    """A coupon that a subscription has or had."""

    coupon = CouponSerializer()
    position = serializers.IntegerField(help_text="Its place in the order of application.")
    since = InstantField()
    invoices = serializers.IntegerField(source="used", help_text="Documents that it was taken off so far.")
    invoices_left = serializers.SerializerMethodField(help_text="Null where it goes on.")
    promoted = serializers.SerializerMethodField(help_text="Whether a promotion gave it.")
    ended_at = InstantField(allow_null=True)

    class Meta:
        model = Redemption
        fields = ["coupon", "position", "since", "invoices", "invoices_left", "promoted", "ended_at", "ended_reason"]
        read_only_fields = fields

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

    def validate_coupon(self, code: str) -> Coupon:
        """
        Return the coupon.

        :raises serializers.ValidationError: if there is no such coupon.
        """
        return coupon_named(code)


class RemovalSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The reason for the removal."""

    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


def coupon_named(code: str) -> Coupon:
    """
    Return the coupon with a code, ignoring case.

    :raises serializers.ValidationError: if there is none.
    """
    coupon = Coupon.objects.filter(code=code.strip().upper()).first()
    if coupon is None:
        raise serializers.ValidationError([serializers.ErrorDetail(f"There is no coupon “{code}”.", "unknown")])
    return coupon


class Redemptions(generics.GenericAPIView[Redemption]):
    """The coupons of one subscription visible to the caller."""

    serializer_class = RedemptionSerializer

    def subscription(self) -> Subscription:
        """
        Return the subscription of the address.

        :raises Http404: if the caller sees no such subscription.
        """
        name, sandbox = self.kwargs["subscription"], self.request.user.sandbox
        return generics.get_object_or_404(Subscription, external_id=name, sandbox=sandbox)

    def get_queryset(self) -> QuerySet[Redemption]:
        """Return the subscription's coupons, including ended ones."""
        return Redemption.objects.with_use().filter(subscription=self.subscription())

    def shown(self, redemption: Redemption) -> Any:
        """Return a redemption as it is stored now."""
        return RedemptionSerializer(self.get_queryset().get(pk=redemption.pk)).data


class RedemptionsView(Redemptions, generics.ListAPIView[Redemption]):
    """All coupons, including ended ones."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(operation_id="list_redemptions", summary="List a subscription's coupons, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="redeem_coupon",
        summary="Give a subscription a coupon",
        description="It is taken off the next documents, after the coupons that the subscription holds already.",
        request=NewRedemptionSerializer,
        responses={201: RedemptionSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        serializer = NewRedemptionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            holder = self.subscription()
            at = current_time(holder.customer)
            redemption = subscriptions.apply_coupon(subscription=holder, **serializer.validated_data, at=at)
        except subscriptions.CouponRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(redemption), status=status.HTTP_201_CREATED)


class RemovalView(Redemptions):
    """The removal of a coupon."""

    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="remove_coupon",
        summary="Take a coupon away",
        description="Later documents are without it; what is issued stays as it is.",
        request=RemovalSerializer,
        responses={200: RedemptionSerializer},
    )
    @idempotent
    def post(self, request: Request, subscription: str, coupon: str) -> Response:
        serializer = RemovalSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        active = self.get_queryset().filter(coupon__code=coupon.upper(), ended_at__isnull=True)
        redemption = generics.get_object_or_404(active)
        at = current_time(redemption.subscription.customer)
        removed = subscriptions.remove_coupon(redemption=redemption, **serializer.validated_data, at=at)
        return Response(self.shown(removed))
