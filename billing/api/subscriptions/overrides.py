"""Overrides of a subscription over HTTP: its own prices, allowances and bounds."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from billing import subscriptions
from billing.api.subscriptions.views import SubscriptionRows
from billing.models import Override
from billing.models.price_overrides import OverrideFigure
from billing.subscriptions.terms.acts import EndOverride, OverrideTerm
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import list_rows, post
from plans.api.features import feature_named

OVERRIDE_REFUSALS = {subscriptions.OverrideRefused: ("invalid-fields", "refused")}
EXAMPLE = {
    "feature": "llm.tokens",
    "figure": "price",
    "match": {"token_type": "input"},
    "value": "0.0000015",
    "reason": "Deal",
}


class OverrideSerializer(RowSerializer[Override]):
    """A term that the subscription has in place of its plan's."""

    feature = serializers.CharField(source="feature.code")
    match = serializers.DictField(child=serializers.CharField(), help_text="The rate whose price is overridden.")
    value = NumberField(signed=True, help_text="Units, a price or an amount; or a percentage: -20 is 20% off.")

    class Meta:
        model = Override
        fields = ["id", "feature", "figure", "match", "value", "starts_at", "ends_at", "reason", "created_at"]


class NewOverrideSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """An override to set."""

    feature = serializers.CharField(max_length=64, help_text="The feature's code.")
    figure = serializers.ChoiceField(choices=OverrideFigure.choices)
    match = serializers.DictField(
        child=serializers.CharField(max_length=4096),
        required=False,
        help_text="The rate, if `figure` is `price`; default: the default rate.",
    )
    value = NumberField(signed=True, help_text="Units, a price or an amount; or a percentage: -20 is 20% off.")
    starts_at = InstantField(required=False, help_text="Default: the start of the next period.")
    ends_at = InstantField(required=False, help_text="Default: no end.")
    reason = serializers.CharField(max_length=500)

    validate_feature = staticmethod(feature_named)


class EndSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The time from which the plan's own term applies again."""

    ends_at = InstantField(required=False, help_text="Default: the start of the next period.")


class Overrides(SubscriptionRows[Override]):
    """The overrides of one subscription visible to the caller."""

    queryset = Override.objects.select_related("feature")
    serializer_class = OverrideSerializer
    lookup_url_kwarg = "number"

    list_all = list_rows(
        "list_overrides", "List a subscription's overrides, newest first", "All overrides, including ended ones."
    )

    @post(
        "create_override",
        "Override a term of a subscription",
        "Applies from the next period, unless `starts_at` says otherwise: each usage window is rated at the"
        " terms in force when it began. Ends the previous override; billed periods do not change.",
        request=NewOverrideSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        refusals=OVERRIDE_REFUSALS,
        examples={"A custom price": EXAMPLE},
    )
    def create(self, request: Request, subscription: str) -> Override | Response:
        fields = self.read_body()
        feature = fields.pop("feature")
        act = OverrideTerm(subscription_id=self.owner.pk, feature_id=feature.pk, **fields)
        return perform_act(self, act, reason=fields["reason"])

    @post(
        "end_override",
        "Return to the plan's term",
        "Takes effect at the next period, unless `ends_at` says otherwise; an override that has not started is"
        " withdrawn.",
        request=EndSerializer,
        accepted=ApprovalRequestSerializer,
        refusals=OVERRIDE_REFUSALS,
    )
    def end(self, request: Request, subscription: str, number: int) -> Override | Response:
        fields, override = self.read_body(), self.get_object()
        return perform_act(self, EndOverride(override_id=override.pk, **fields))
