"""Plan changes over HTTP: what one would come to, and made."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscribing
from billing.api.documents import DocumentSerializer, document_of
from billing.api.subscription_serializers import SubscriptionSerializer, version_of
from billing.api.subscriptions import Subscriptions
from billing.closing import preview_before, preview_change
from billing.models import Subscription
from customers.access.fields import KnownFields
from customers.access.idempotency import idempotent
from customers.access.problems import Problem
from invoices.drafts import Draft
from plans.models import PlanVersion


class ChangeSerializer(KnownFields, serializers.Serializer[dict[str, Any]]):
    """Which version the subscription moves to, now."""

    plan = serializers.CharField(max_length=64, help_text="The plan's code.")
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Default: the one in force."
    )
    preview = serializers.BooleanField(default=False, help_text="Only tell what would be billed; change nothing.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Find the version."""
        attrs["version"] = version_of(attrs.pop("plan"), attrs.get("version"), at=self.context["at"])
        return attrs


class ChangedSerializer(serializers.Serializer[Any]):
    """The subscription as it is now, and the document."""

    subscription = SubscriptionSerializer()
    document = DocumentSerializer(
        help_text="What ends the old part: its usage, the credit for its rest, and what the new one costs."
    )


class ChangeView(Subscriptions):
    """A plan change."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="change_subscription",
        summary="Move a subscription to another plan or version, now",
        description="What was used before is billed by the old version, with its whole allowance; the rest of the"
        " interval by the new one, with its part of the new allowance. The document is issued once the seller's grace"
        " is over; until then usage that is still on its way is added.",
        request=ChangeSerializer,
        responses={200: ChangedSerializer},
        examples=[OpenApiExample("What would it cost?", {"plan": "pro", "preview": True}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        at = timezone.now()
        serializer = ChangeSerializer(data=request.data, context={"at": at})
        serializer.is_valid(raise_exception=True)
        found, version = self.get_object(), serializer.validated_data["version"]
        ask = preview_change if serializer.validated_data["preview"] else _change
        try:
            draft = ask(subscription=found, version=version, at=at)
        except subscribing.SubscriptionRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response({"subscription": self.shown(found), "document": document_of(draft)})


def _change(*, subscription: Subscription, version: PlanVersion, at: datetime) -> Draft:
    part = subscribing.change_plan(subscription=subscription, version=version, at=at)
    return preview_before(part, at=at)
