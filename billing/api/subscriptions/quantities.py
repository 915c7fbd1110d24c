"""Seats and add-ons of a subscription over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from billing import subscriptions
from billing.api.subscriptions.views import Subscriptions
from billing.models import Subscription
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import put
from lib.field_types import MAX_SEATS


class NewQuantitySerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The new quantity, and since when it applies."""

    quantity = serializers.IntegerField(min_value=0, max_value=MAX_SEATS)
    since = InstantField(
        required=False,
        help_text="Default: now. A future change is scheduled; a past one must lie in a period without an invoice.",
    )
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class QuantityView(Subscriptions):
    """The quantity of one fee of a subscription: its seats or add-ons."""

    @put(
        "set_quantity",
        "Set a subscription's number of seats or add-ons",
        "The next invoice charges or credits the difference for the rest of the period. Sending the same"
        " quantity again changes nothing.",
        request=NewQuantitySerializer,
        refusals={subscriptions.QuantityRefused: "unprocessable"},
    )
    def set_quantity(self, request: Request, subscription: str, fee: str) -> Subscription:
        fields, holder = self.read_body(), self.get_object()
        subscriptions.set_quantity(subscription=holder, fee_code=fee, at=current_time(holder.customer), **fields)
        return self.reload(holder)
