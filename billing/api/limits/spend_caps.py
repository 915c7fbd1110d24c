"""Spend caps of a subscription, or of all of a customer's usage, over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.limits.spend_caps import MAX_PER_MINUTE, MAX_VALUE_LENGTH, CapRefused, remove_cap, set_cap
from billing.models import SpendCap, Subscription
from billing.models.price_overrides import CapAction, CapSetter
from customers.api_keys.idempotency import idempotent
from customers.models import Customer
from lib.api.fields import StrictFields
from lib.api.number_fields import NumberField
from plans.models import Feature

EXAMPLE = OpenApiExample("All usage of a month", {"amount": "500.00", "action": "notify"}, request_only=True)


class CapSerializer(serializers.ModelSerializer[SpendCap]):
    """A limit on the cost of usage per period, and the action once it is reached."""

    feature = serializers.CharField(source="feature.code", default=None, help_text="Null: all usage.")
    amount = NumberField(help_text="Before coupons and tax.")
    currency = serializers.CharField()

    class Meta:
        model = SpendCap
        fields = ["id", "feature", "match", "amount", "currency", "action", "per_minute", "set_by", "created_at"]
        read_only_fields = fields


class NewCapSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """A spend cap to set; its validated data are the arguments of `set_cap`."""

    feature = serializers.CharField(max_length=64, required=False, help_text="A feature's code; default: all usage.")
    match = serializers.DictField(
        child=serializers.CharField(max_length=MAX_VALUE_LENGTH),
        required=False,
        help_text='A dimension and its value, such as {"api_key": "k-1"}: a budget of that alone.',
    )
    amount = NumberField(help_text="In the subscription's currency, before coupons and tax.")
    currency = serializers.CharField(max_length=3, required=False, help_text="Of a customer's cap; default: its own.")
    action = serializers.ChoiceField(
        choices=CapAction.choices,
        required=False,
        help_text="Default: notify. Stop and throttle are what checks and reservations answer by; reported usage is"
        " always counted.",
    )
    per_minute = serializers.IntegerField(
        min_value=1, max_value=MAX_PER_MINUTE, required=False, help_text="Uses that a throttle lets through."
    )
    set_by = serializers.ChoiceField(choices=CapSetter.choices, required=False, help_text="Default: finance.")

    def validate_feature(self, code: str) -> Feature:
        """
        Return the feature.

        :raises serializers.ValidationError: if there is no such feature.
        """
        feature = Feature.objects.filter(code=code).first()
        if feature is None:
            raise serializers.ValidationError([serializers.ErrorDetail(f"There is no feature “{code}”.", "unknown")])
        return feature


class Caps(generics.GenericAPIView[SpendCap]):
    """Caps of one subscription or one customer visible to the caller."""

    serializer_class = CapSerializer

    def scope(self) -> dict[str, Any]:
        """
        Return the subscription or customer of the caps, as an argument of `set_cap`.

        :raises Http404: if the caller sees no such subscription or customer.
        """
        sandbox = self.request.user.sandbox
        if name := self.kwargs.get("subscription"):
            subscription = generics.get_object_or_404(Subscription, external_id=name, sandbox=sandbox)
            return {"subscription": subscription}
        name = self.kwargs["customer"]
        return {"customer": generics.get_object_or_404(Customer, external_id=name, sandbox=sandbox)}

    def get_queryset(self) -> QuerySet[SpendCap]:
        """Return the caps."""
        return SpendCap.objects.filter(**self.scope()).select_related("feature")


class CapsView(Caps, generics.ListAPIView[SpendCap]):
    """All caps of a subscription."""

    required_scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(operation_id="list_spend_caps", summary="Spend caps of a subscription, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="set_spend_cap",
        summary="Cap what a subscription spends",
        description="On all usage, on one feature, or on one value of a dimension, in each period. It takes the place"
        " of the one that the same side has set for the same. Current usage shows what is spent of it.",
        request=NewCapSerializer,
        responses={201: CapSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, **names: str) -> Response:
        return self.set(request)

    def set(self, request: Request) -> Response:
        """Set the cap in the request's body."""
        serializer = NewCapSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            cap = set_cap(**self.scope(), **serializer.validated_data, at=timezone.now())
        except CapRefused as error:
            detail = [serializers.ErrorDetail(str(error), "refused")]
            raise serializers.ValidationError({error.field: detail}) from error
        return Response(CapSerializer(cap).data, status=status.HTTP_201_CREATED)


class CustomerCapsView(CapsView):
    """All caps of a customer."""

    @extend_schema(operation_id="list_customer_spend_caps", summary="Spend caps of a customer, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="set_customer_spend_cap",
        summary="Cap what a customer spends on all subscriptions",
        description="As with a subscription's, on all of the customer's running periods in one currency together.",
        request=NewCapSerializer,
        responses={201: CapSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, **names: str) -> Response:
        return self.set(request)


class CapView(Caps, generics.RetrieveAPIView[SpendCap]):
    """One cap of a subscription."""

    lookup_field = "pk"
    lookup_url_kwarg = "number"
    required_scopes = {"GET": "read", "DELETE": "manage"}

    @extend_schema(operation_id="get_spend_cap", summary="Read a spend cap")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="remove_spend_cap", summary="Remove a spend cap", responses={204: None})
    def delete(self, request: Request, **names: Any) -> Response:
        remove_cap(cap=self.get_object(), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class CustomerCapView(CapView):
    """One cap of a customer."""

    @extend_schema(operation_id="get_customer_spend_cap", summary="Read a customer's spend cap")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="remove_customer_spend_cap", summary="Remove a customer's spend cap", responses={204: None}
    )
    def delete(self, request: Request, **names: Any) -> Response:
        return super().delete(request, **names)
