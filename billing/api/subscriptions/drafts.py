"""Drafts of subscriptions over HTTP: replaced, activated, discarded."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.subscriptions.serializers import NewSubscriptionSerializer, SubscriptionSerializer
from billing.api.subscriptions.views import Subscriptions
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.problems import Problem


class ActivationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The start of the subscription."""

    starts_at = InstantField(required=False, help_text="Default: as it was drafted.")


class ActivationView(Subscriptions):
    """The activation of a draft."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="activate_subscription",
        summary="Activate a draft",
        description="It begins as it was drafted: at its own start, or at another one, past, now or to come.",
        request=ActivationSerializer,
        responses={200: SubscriptionSerializer},
        examples=[OpenApiExample("At a date", {"starts_at": "2099-01-01T00:00:00Z"}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        serializer = ActivationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        draft = self.get_object()
        try:
            subscriptions.activate(subscription=draft, at=current_time(draft.customer), **serializer.validated_data)
        except (subscriptions.SubscriptionRefused, subscriptions.CouponRefused) as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(draft))


class DraftView(Subscriptions):
    """The draft of a subscription."""

    required_scopes = {"PUT": "manage", "DELETE": "manage"}
    problems = {"PUT": ["conflict"], "DELETE": ["conflict"]}

    @extend_schema(
        operation_id="replace_draft",
        summary="Draft a subscription anew",
        description="Takes the place of what was drafted, with the body of a new subscription.",
        request=NewSubscriptionSerializer,
        responses={200: SubscriptionSerializer},
    )
    def put(self, request: Request, subscription: str) -> Response:
        draft = self.get_object()
        at = current_time(draft.customer)
        serializer = NewSubscriptionSerializer(data=request.data, context={"request": request, "at": at})
        serializer.is_valid(raise_exception=True)
        fields = {**serializer.validated_data}
        fields.pop("draft")
        try:
            subscriptions.draft(**fields, at=at, replaced_draft=draft)
        except subscriptions.SubscriptionRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(draft))

    @extend_schema(operation_id="discard_draft", summary="Discard a draft", responses={204: None})
    def delete(self, request: Request, subscription: str) -> Response:
        draft = self.get_object()
        try:
            subscriptions.discard(subscription=draft, at=current_time(draft.customer))
        except subscriptions.SubscriptionRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)
