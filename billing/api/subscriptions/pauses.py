"""Pauses of subscriptions over HTTP: pause and resume."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.subscriptions.serializers import SubscriptionSerializer
from billing.api.subscriptions.views import Subscriptions
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.problems import Problem


class NewPauseSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """
    The start and end of a pause, and how amounts paid in advance are credited. Its validated data are arguments of
    `pause`.
    """

    starts_at = InstantField(required=False, help_text="Default: now.")
    at_period_end = serializers.BooleanField(default=False, help_text="Where its next period begins.")
    resumes_at = InstantField(source="ends_at", required=False, help_text="Default: when it is resumed.")
    give_back = serializers.ChoiceField(
        choices=["credit", "refund"],
        default="credit",
        help_text="Where what was paid in advance for the rest of the period goes.",
    )
    reason = serializers.CharField(max_length=300, required=False, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """
        Reject two different starts.

        :raises serializers.ValidationError: if both `starts_at` and `at_period_end` are given.
        """
        if attrs["at_period_end"] and "starts_at" in attrs:
            raise serializers.ValidationError({"starts_at": ["Send either starts_at or at_period_end, not both."]})
        return attrs


class ResumptionSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The time of the resumption; now, by default."""

    resumes_at = InstantField(
        required=False, help_text="To come; or past, so that usage since then is billed once it is tried again."
    )


class PauseView(Subscriptions):
    """The pause of a subscription."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="pause_subscription",
        summary="Pause a subscription",
        description="Nothing is due while it is paused, and a check answers `paused`. Usage that arrives is kept as"
        " unmatched. The period that the pause begins in ends there; what was paid in advance for the rest of it is"
        " given back by a credit note when it is closed.",
        request=NewPauseSerializer,
        responses={200: SubscriptionSerializer},
        examples=[OpenApiExample("For the summer", {"resumes_at": "2099-09-01T00:00:00Z"}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        serializer = NewPauseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        paused = self.get_object()
        try:
            subscriptions.pause(subscription=paused, at=current_time(paused.customer), **serializer.validated_data)
        except subscriptions.PauseRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(paused))


class ResumptionView(Subscriptions):
    """The resumption of a paused subscription."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="resume_subscription",
        summary="Resume a paused subscription",
        description="Periods go on from the same anchor; what is due in advance of the first one is billed at once. A"
        " pause that has not begun is taken back.",
        request=ResumptionSerializer,
        responses={200: SubscriptionSerializer},
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        serializer = ResumptionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        paused = self.get_object()
        try:
            subscriptions.resume(subscription=paused, at=current_time(paused.customer), **serializer.validated_data)
        except subscriptions.PauseRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(paused))
