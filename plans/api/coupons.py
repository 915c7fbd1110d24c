"""Coupons over HTTP: read-only, since they are edited in the admin, like prices."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.number_fields import NumberField, serialize_amount
from plans.api.rating_result import AmountDocument
from plans.models import Coupon


class CouponSerializer(serializers.ModelSerializer[Coupon]):
    """A percentage or an amount off; off the whole invoice if neither features nor fees are listed."""

    percent = NumberField(allow_null=True)
    amount = serializers.SerializerMethodField(help_text="Null for a percentage.")
    periods = serializers.IntegerField(allow_null=True, help_text="For how many documents, where duration says so.")
    features = serializers.ListField(child=serializers.CharField())
    fees = serializers.ListField(child=serializers.CharField())
    archived = serializers.SerializerMethodField(help_text="Whether it is given to nobody any more.")

    class Meta:
        model = Coupon
        fields = [
            *("code", "name", "percent", "amount", "duration", "periods", "features", "fees", "most_redemptions"),
            *("most_per_customer", "redeemed", "redeem_from", "redeem_until", "archived"),
        ]
        read_only_fields = fields

    @extend_schema_field(AmountDocument(allow_null=True))
    def get_amount(self, coupon: Coupon) -> dict[str, str] | None:
        """Return the amount with its currency."""
        return None if coupon.amount is None else serialize_amount(coupon.amount, coupon.currency)

    def get_archived(self, coupon: Coupon) -> bool:
        """Return whether it is archived."""
        return coupon.archived_at is not None


class Coupons(generics.GenericAPIView[Coupon]):
    """All coupons."""

    serializer_class = CouponSerializer
    lookup_field = "code"
    lookup_url_kwarg = "coupon"

    def get_queryset(self) -> QuerySet[Coupon]:
        """Return all coupons."""
        return Coupon.objects.all()


class CouponsView(Coupons, generics.ListAPIView[Coupon]):
    """The list of coupons."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="list_coupons", summary="List coupons, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class CouponView(Coupons, generics.RetrieveAPIView[Coupon]):
    """One coupon."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_coupon", summary="Read a coupon")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
