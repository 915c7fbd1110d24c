"""Coupons over HTTP: read-only, since they are edited in the admin, like prices."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lib.api.fields import RowSerializer
from lib.api.number_fields import NumberField, serialize_amount
from lib.api.operations import list_rows, read_row
from lib.api.views import ApiView
from plans.api.rating_result import AmountDocument
from plans.models import Coupon


class CouponSerializer(RowSerializer[Coupon]):
    """
    A percentage or an amount off; off the whole invoice if neither features nor fees are listed.

    A subscription's coupon applies to invoices, a customer's to coupon periods.
    """

    percent = NumberField(allow_null=True)
    amount = serializers.SerializerMethodField(help_text="Null for a percentage.")
    periods = serializers.IntegerField(
        allow_null=True, help_text="Number of invoices or coupon periods, if `duration` limits it."
    )
    features = serializers.ListField(child=serializers.CharField())
    fees = serializers.ListField(child=serializers.CharField())
    plans = serializers.ListField(child=serializers.CharField(), help_text="Codes; empty: all plans.")
    period_months = serializers.IntegerField(help_text="Length of a customer's coupon period.")
    archived = serializers.SerializerMethodField(help_text="Whether it can no longer be redeemed.")

    class Meta:
        model = Coupon
        fields = [
            *("code", "name", "percent", "amount", "duration", "periods", "features", "fees", "plans"),
            *("period_months", "carries_over", "most_redemptions"),
            *("most_per_customer", "redeemed", "redeem_from", "redeem_until", "archived"),
        ]

    @extend_schema_field(AmountDocument(allow_null=True))
    def get_amount(self, coupon: Coupon) -> dict[str, str] | None:
        """Return the amount with its currency."""
        return None if coupon.amount is None else serialize_amount(coupon.amount, coupon.currency)

    def get_archived(self, coupon: Coupon) -> bool:
        """Return whether it is archived."""
        return coupon.archived_at is not None


class Coupons(ApiView[Coupon]):
    """All coupons."""

    queryset = Coupon.objects.all()
    serializer_class = CouponSerializer
    lookup_field = "code"
    lookup_url_kwarg = "coupon"

    list_all = list_rows("list_coupons", "List coupons, newest first", "The list of coupons.")
    read = read_row("get_coupon", "Read a coupon", "One coupon.")


def coupon_named(code: str) -> Coupon:
    """
    Return the coupon with a code, ignoring case.

    :raises serializers.ValidationError: if there is none.
    """
    coupon = Coupon.objects.filter(code=code.strip().upper()).first()
    if coupon is None:
        raise serializers.ValidationError([serializers.ErrorDetail(f"There is no coupon “{code}”.", "unknown")])
    return coupon
