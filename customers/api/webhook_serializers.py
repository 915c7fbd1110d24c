"""Serializers of webhook endpoints and deliveries."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from customers.api.fields import WebhookUrlField
from customers.models import Delivery, WebhookEndpoint
from customers.models.notifications import DeliveryState
from customers.notifications.kinds import KINDS
from customers.notifications.signatures import message_name
from customers.notifications.webhook_endpoints import LONGEST_OVERLAP
from lib.api.fields import InstantField, RowSerializer, StrictFields

MAX_OVERLAP = int(LONGEST_OVERLAP.total_seconds())


class EndpointSerializer(StrictFields, serializers.ModelSerializer[WebhookEndpoint]):
    """A webhook endpoint; only the response that creates it contains `secret`."""

    url = WebhookUrlField(max_length=500, help_text="https, on port 443 or 8443 of a public address.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=list(KINDS)),
        required=False,
        help_text="Event types to send; empty (the default) sends all types, including future ones.",
    )
    enabled = serializers.BooleanField(
        required=False,
        help_text="While false, nothing is sent. Re-enabling sends new events only; replay the missed ones.",
    )
    disabled_reason = serializers.CharField(
        read_only=True,
        help_text="by_hand; gone: it returned 410; failing: it returned only errors for days; or empty.",
    )
    failing_since = InstantField(
        read_only=True, allow_null=True, help_text="Time of the first failure since the last success."
    )
    disabled_at = InstantField(read_only=True, allow_null=True)
    previous_until = InstantField(
        read_only=True, allow_null=True, help_text="Until then, messages are also signed with the previous secret."
    )
    sandbox = serializers.BooleanField(read_only=True, help_text="True for those made with a test key.")
    created_at = InstantField(read_only=True)

    class Meta:
        model = WebhookEndpoint
        fields = [
            *("id", "url", "description", "kinds", "enabled", "sandbox"),
            *("failing_since", "disabled_at", "disabled_reason", "previous_until", "created_at"),
        ]


class SecretEndpointSerializer(EndpointSerializer):
    """An endpoint with its newly created secret."""

    secret = serializers.CharField(
        read_only=True, allow_null=True, help_text="Shown once; null in the response to a repeated request."
    )

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]


class RotationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """How long messages are also signed with the old secret."""

    overlap = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP,
        default=86_400,
        help_text="Seconds for which messages are also signed with the old secret; default: a day.",
    )


class ReplaySerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The messages to send again."""

    since = InstantField(help_text="Start of the events to send; 90 days ago at most.")
    delivered = serializers.BooleanField(default=False, help_text="Whether to resend delivered events too.")


class ReplayedSerializer(serializers.Serializer[dict[str, Any]]):
    """The number of messages sent again."""

    messages = serializers.IntegerField()


class DeliverySerializer(RowSerializer[Delivery]):
    """A message to an endpoint, pending or finished."""

    message = serializers.SerializerMethodField(help_text="Its webhook-id, the same on every attempt.")
    type = serializers.CharField(source="notification.kind")
    customer = serializers.CharField(source="notification.customer.external_id", default=None, allow_null=True)
    happened_at = InstantField(source="notification.created_at")
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    tried_at = InstantField(allow_null=True, help_text="Time of the last attempt.")
    next_at = InstantField(allow_null=True, help_text="Time of the next attempt; null if none is planned.")
    status = serializers.IntegerField(
        allow_null=True, help_text="Status of the receiver's last response; null if there was none."
    )
    answer = serializers.CharField(help_text="Start of the response body, or the reason why there was no response.")

    class Meta:
        model = Delivery
        fields = [
            *("id", "message", "type", "customer", "happened_at", "state", "attempts", "tried_at", "next_at"),
            *("status", "answer"),
        ]

    @extend_schema_field({"type": "string", "example": "msg_0f3c5b1e9f6b4f0ca0d1b7e5b0a3c2d1"})
    def get_message(self, delivery: Delivery) -> str:
        """Return the webhook-id by which the receiver knows the message."""
        return message_name(delivery.notification.message_id)
