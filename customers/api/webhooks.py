"""Webhook endpoints and their deliveries over HTTP."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api.webhook_serializers import (
    DeliverySerializer,
    EndpointSerializer,
    ReplayedSerializer,
    ReplaySerializer,
    RotationSerializer,
    SecretEndpointSerializer,
)
from customers.models import Delivery, WebhookEndpoint
from customers.models.notifications import DeliveryState
from customers.notifications import endpoint_health, webhook_endpoints
from customers.notifications.resend import resend, resend_since
from customers.notifications.webhook_endpoints import EndpointRefused
from lib.api.operations import delete, list_rows, patch, post, read_row, secret_response
from lib.api.views import ApiView, OwnedRows

EXAMPLE = {"url": "https://example.com/tollbook", "kinds": ["alert.fired", "topup.failed"]}
ENDPOINT_REFUSALS = {EndpointRefused: ("invalid-fields", "refused")}


class Endpoints(ApiView[WebhookEndpoint]):
    """The webhook endpoints that the caller may see, without removed ones."""

    queryset = WebhookEndpoint.objects.not_removed()
    sandbox_path = "sandbox"
    serializer_class = EndpointSerializer
    lookup_url_kwarg = "webhook"

    list_all = list_rows("list_webhooks", "List webhook endpoints, newest first", "The list of webhook endpoints.")

    @post(
        "create_webhook",
        "Add a webhook endpoint",
        "It is told what happens from now on to live customers, or to sandbox ones with a test key. The"
        " answer holds its secret, which is never shown again; messages are signed as Standard Webhooks says.",
        request=EndpointSerializer,
        response=SecretEndpointSerializer,
        status=201,
        refusals=ENDPOINT_REFUSALS,
        examples={"Alerts and top-ups": EXAMPLE},
    )
    @transaction.atomic
    def create(self, request: Request) -> Response:
        fields = self.read_body()
        enabled = fields.pop("enabled", True)
        endpoint, secret = webhook_endpoints.create(**fields, sandbox=self.caller.sandbox, by=None)
        if not enabled:
            endpoint_health.disable(endpoint=endpoint, at=timezone.now())
            endpoint.refresh_from_db()
        return secret_response(EndpointSerializer(endpoint).data, secret=secret)

    read = read_row("get_webhook", "Read a webhook endpoint", "One webhook endpoint.")

    @patch(
        "update_webhook",
        "Change a webhook endpoint, or switch it off and on",
        "Messages that are under way go to where it stands then.",
        request=EndpointSerializer,
        refusals=ENDPOINT_REFUSALS,
    )
    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> WebhookEndpoint:
        endpoint = self.get_object()
        fields = self.read_serializer(endpoint, partial=True).validated_data
        enabled = fields.pop("enabled", None)
        webhook_endpoints.change(endpoint=endpoint, **fields)
        if enabled is True:
            endpoint_health.enable(endpoint=endpoint)
        elif enabled is False:
            endpoint_health.disable(endpoint=endpoint, at=timezone.now())
        endpoint.refresh_from_db()
        return endpoint

    @delete(
        "remove_webhook",
        "Remove a webhook endpoint",
        "Nothing is sent to it any more, and its secrets are forgotten at once.",
    )
    def remove(self, request: Request, *args: Any, **kwargs: Any) -> None:
        endpoint_health.remove(endpoint=self.get_object(), at=timezone.now())

    @post(
        "rotate_webhook_secret",
        "Give a webhook endpoint a new secret",
        "The answer holds it, and it is never shown again. For `overlap` seconds messages are signed"
        " by the old secret as well, so that a receiver can change over without refusing any.",
        request=RotationSerializer,
        response=SecretEndpointSerializer,
        status=201,
        refusals=ENDPOINT_REFUSALS,
        problems=("conflict",),
    )
    def rotate(self, request: Request, webhook: int) -> Response:
        endpoint, overlap = self.get_object(), timedelta(seconds=self.read_body()["overlap"])
        secret = webhook_endpoints.rotate(endpoint=endpoint, overlap=overlap, at=timezone.now())
        endpoint.refresh_from_db()
        return secret_response(EndpointSerializer(endpoint).data, secret=secret)

    @post(
        "test_webhook",
        "Send a webhook endpoint a test",
        "A message of the type `webhook.test`, signed and tried as any other. Read what comes of it from"
        " the deliveries of the endpoint.",
        response=DeliverySerializer,
        status=201,
        refusals=ENDPOINT_REFUSALS,
        problems=("conflict",),
    )
    def send_test(self, request: Request, webhook: int) -> Delivery:
        delivery = webhook_endpoints.send_test(endpoint=self.get_object(), at=timezone.now())
        delivery.notification.refresh_from_db(fields=["message_id"])
        return delivery

    @post(
        "replay_webhooks",
        "Send a webhook endpoint what it has missed",
        "All since a moment that failed, was given up, or happened while the endpoint was switched off or"
        " did not yet subscribe to it. Messages keep their webhook-id.",
        request=ReplaySerializer,
        response=ReplayedSerializer,
        refusals=ENDPOINT_REFUSALS,
        problems=("conflict",),
    )
    def replay(self, request: Request, webhook: int) -> dict[str, int]:
        messages = resend_since(endpoint=self.get_object(), **self.read_body(), at=timezone.now())
        return {"messages": messages}


class Deliveries(OwnedRows[Delivery]):
    """The deliveries to one endpoint that the caller may see."""

    queryset = Delivery.objects.select_related("notification__customer", "endpoint")
    serializer_class = DeliverySerializer
    lookup_url_kwarg = "number"
    owners = WebhookEndpoint.objects.not_removed()
    owner_kwarg = "webhook"
    owner_field = "pk"
    owner_path = "endpoint"

    list_all = list_rows(
        "list_webhook_deliveries",
        "Messages to a webhook endpoint, newest first",
        "The list of deliveries.",
        filters={"state": "state", "type": "notification__kind"},
        filter_choices={"state": DeliveryState.values},
    )

    @post(
        "replay_webhook_delivery",
        "Send a message again",
        "Whatever came of it, under the same webhook-id, with all its tries ahead of it.",
        refusals=ENDPOINT_REFUSALS,
        problems=("conflict",),
    )
    def replay(self, request: Request, webhook: int, number: int) -> Delivery:
        resend(delivery=self.get_object(), at=timezone.now())
        return self.get_object()
