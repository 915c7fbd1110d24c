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
        "Events from now on are sent: of live customers with a live key, of sandbox customers with a test key."
        " The response contains the secret, which is not shown again; messages are signed as specified by"
        " Standard Webhooks.",
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
        "Change, disable or enable a webhook endpoint",
        "Messages already in the queue go to the new URL.",
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
        "No further messages are sent, and its secrets are deleted at once.",
    )
    def remove(self, request: Request, *args: Any, **kwargs: Any) -> None:
        endpoint_health.remove(endpoint=self.get_object(), at=timezone.now())

    @post(
        "rotate_webhook_secret",
        "Rotate a webhook endpoint's secret",
        "The response contains the new secret, which is not shown again. For `overlap` seconds messages are"
        " also signed with the old secret, so that the receiver can switch without refusing any.",
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
        "Send a test message to a webhook endpoint",
        "Sends a signed message of type `webhook.test`, with the usual retries. The endpoint's deliveries show"
        " the result.",
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
        "Replay missed messages of a webhook endpoint",
        "Sends all messages since the given time that failed, were abandoned, or occurred while the endpoint"
        " was disabled or not subscribed to their type. They keep their webhook-id.",
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
        "List deliveries to a webhook endpoint, newest first",
        "The list of deliveries.",
        filters={"state": "state", "type": "notification__kind"},
        filter_choices={"state": DeliveryState.values},
    )

    @post(
        "replay_webhook_delivery",
        "Resend a message",
        "Sends it again under the same webhook-id, with the full number of attempts, whether or not it was"
        " delivered.",
        refusals=ENDPOINT_REFUSALS,
        problems=("conflict",),
    )
    def replay(self, request: Request, webhook: int, number: int) -> Delivery:
        resend(delivery=self.get_object(), at=timezone.now())
        return self.get_object()
