"""Plan changes over HTTP: what one would come to, and made."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscribing
from billing.api.subscription_serializers import SubscriptionSerializer, version_of
from billing.api.subscriptions import Subscriptions
from billing.closing import preview, preview_change
from billing.models import Subscription
from customers.access.fields import InstantField, KnownFields
from customers.access.idempotency import idempotent
from customers.access.problems import Problem
from invoices.drafts import Draft, DraftLine
from plans.api.fields import AmountField, NumberField, amount_document
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


class ChangeLineSerializer(serializers.Serializer[Any]):
    """One claim."""

    kind = serializers.CharField()
    description = serializers.CharField()
    service_start = InstantField()
    service_end = InstantField()
    quantity = NumberField()
    amount = AmountField()


class ChangeDocumentSerializer(serializers.Serializer[Any]):
    """The document that ends the old part: its usage, the credit for its rest, and what the new one costs."""

    lines = ChangeLineSerializer(many=True)
    net = AmountField()
    tax = AmountField()
    total = AmountField()


class ChangedSerializer(serializers.Serializer[Any]):
    """The subscription as it is now, and the document."""

    subscription = SubscriptionSerializer()
    document = ChangeDocumentSerializer()


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
        return Response({"subscription": self.shown(found), "document": _document(draft)})


def _change(*, subscription: Subscription, version: PlanVersion, at: datetime) -> Draft:
    part = subscribing.change_plan(subscription=subscription, version=version, at=at)
    return preview(period=part.continues, at=at)


def _document(draft: Draft) -> dict[str, Any]:
    totals = draft.totals
    amounts = {"net": totals.net, "tax": totals.tax, "total": totals.total}
    return {
        "lines": [_line(line, draft.currency) for line in draft.lines],
        **{name: amount_document(amount, draft.currency) for name, amount in amounts.items()},
    }


def _line(line: DraftLine, currency: str) -> dict[str, Any]:
    instant, number = InstantField().to_representation, NumberField().to_representation
    return {
        "kind": line.kind,
        "description": line.description,
        "service_start": instant(line.service_start),
        "service_end": instant(line.service_end),
        "quantity": number(Decimal(line.quantity)),
        "amount": amount_document(line.amount, currency),
    }
