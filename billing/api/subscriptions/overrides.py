"""Overrides of a subscription over HTTP: its own prices, allowances and bounds."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.models import Override, Subscription
from billing.models.price_overrides import OverrideFigure
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import NumberField
from plans.models import Feature

EXAMPLE = OpenApiExample(
    "A price of their own",
    {
        "feature": "llm.tokens",
        "figure": "price",
        "match": {"token_type": "input"},
        "value": "0.0000015",
        "reason": "Deal",
    },
    request_only=True,
)


class OverrideSerializer(serializers.ModelSerializer[Override]):
    """A term that the subscription has in place of its plan's."""

    feature = serializers.CharField(source="feature.code")
    match = serializers.DictField(child=serializers.CharField(), help_text="Of the rate whose price it is.")
    value = NumberField(signed=True, help_text="Units, a price or an amount; a percentage: -20 is 20 % off.")

    class Meta:
        model = Override
        fields = ["id", "feature", "figure", "match", "value", "starts_at", "ends_at", "reason", "created_at"]
        read_only_fields = fields


class NewOverrideSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """An override to set; its validated data are the arguments of `subscriptions.override`."""

    feature = serializers.CharField(max_length=64, help_text="The feature's code.")
    figure = serializers.ChoiceField(choices=OverrideFigure.choices)
    match = serializers.DictField(
        child=serializers.CharField(max_length=4096),
        required=False,
        help_text="Which rate, where `what` is price; default: the default rate.",
    )
    value = NumberField(signed=True, help_text="Units, a price or an amount; a percentage: -20 is 20 % off.")
    starts_at = InstantField(required=False, help_text="Default: the next period.")
    ends_at = InstantField(required=False, help_text="Default: it holds on.")
    reason = serializers.CharField(max_length=500)

    def validate_feature(self, code: str) -> Feature:
        """
        Return the feature.

        :raises serializers.ValidationError: if there is no such feature.
        """
        feature = Feature.objects.filter(code=code).first()
        if feature is None:
            raise serializers.ValidationError([serializers.ErrorDetail(f"There is no feature “{code}”.", "unknown")])
        return feature


class EndSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The time from which the plan's own term applies again."""

    ends_at = InstantField(required=False, help_text="Default: the next period.")


class Overrides(generics.GenericAPIView[Override]):
    """The overrides of one subscription visible to the caller."""

    serializer_class = OverrideSerializer

    def subscription(self) -> Subscription:
        """
        Return the subscription of the address.

        :raises Http404: if the caller sees no such subscription.
        """
        name, sandbox = self.kwargs["subscription"], self.request.user.sandbox
        return generics.get_object_or_404(Subscription, external_id=name, sandbox=sandbox)

    def get_queryset(self) -> QuerySet[Override]:
        """Return the subscription's overrides."""
        return Override.objects.filter(subscription=self.subscription()).select_related("feature")


class OverridesView(Overrides, generics.ListAPIView[Override]):
    """All overrides, including ended ones."""

    required_scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(operation_id="list_overrides", summary="What was agreed for a subscription, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_override",
        summary="Give a subscription a figure of its own",
        description="From the next period on, unless `starts_at` says otherwise: each window of use is rated by what"
        " was in force when it began. The figure before it ends then; periods that are billed do not change.",
        request=NewOverrideSerializer,
        responses={201: OverrideSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        serializer = NewOverrideSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            owner = self.subscription()
            override = subscriptions.override(
                subscription=owner, **serializer.validated_data, at=current_time(owner.customer)
            )
        except subscriptions.OverrideRefused as error:
            raise refusal(error) from error
        return Response(OverrideSerializer(override).data, status=status.HTTP_201_CREATED)


class OverrideEndView(Overrides):
    """The end of an override."""

    lookup_field = "pk"
    lookup_url_kwarg = "number"
    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="end_override",
        summary="Let a figure be the plan's again",
        description="From the next period on, unless `ends_at` says otherwise; before it begins, it is withdrawn.",
        request=EndSerializer,
        responses={200: OverrideSerializer},
    )
    @idempotent
    def post(self, request: Request, subscription: str, number: int) -> Response:
        serializer = EndSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            override = self.get_object()
            at = current_time(override.subscription.customer)
            ended = subscriptions.end_override(override=override, **serializer.validated_data, at=at)
        except subscriptions.OverrideRefused as error:
            raise refusal(error) from error
        return Response(OverrideSerializer(ended).data)


def refusal(error: subscriptions.OverrideRefused) -> serializers.ValidationError:
    """Return the refusal as an error of the field it names."""
    return serializers.ValidationError({error.field: [serializers.ErrorDetail(str(error), "refused")]})
