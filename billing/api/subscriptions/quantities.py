"""Seats and add-ons of a subscription over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.subscriptions.serializers import SubscriptionSerializer
from billing.api.subscriptions.views import Subscriptions
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.problems import Problem
from lib.field_types import MAX_SEATS


class NewQuantitySerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The new quantity, and since when it applies."""

    quantity = serializers.IntegerField(min_value=0, max_value=MAX_SEATS)
    since = InstantField(
        required=False, help_text="Default: now. A moment to come waits; a past one lies in a period not billed yet."
    )
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class QuantityView(Subscriptions):
    """The quantity of one fee of a subscription: its seats or add-ons."""

    required_scopes = {"PUT": "manage"}
    problems = {"PUT": ["unprocessable"]}

    @extend_schema(
        operation_id="set_quantity",
        summary="Set how many seats or add-ons a subscription holds",
        description="What that costs for the rest of the period, or what is given back for it, comes with the next"
        " invoice. Sent again, it changes nothing.",
        request=NewQuantitySerializer,
        responses={200: SubscriptionSerializer},
    )
    def put(self, request: Request, subscription: str, fee: str) -> Response:
        serializer = NewQuantitySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        holder = self.get_object()
        at = current_time(holder.customer)
        try:
            subscriptions.set_quantity(subscription=holder, fee_code=fee, at=at, **serializer.validated_data)
        except subscriptions.QuantityRefused as error:
            raise Problem("unprocessable", str(error)) from error
        return Response(self.shown(holder))
