"""Webhook endpoints over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
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
from customers.api_keys.idempotency import idempotent
from customers.models import WebhookEndpoint
from customers.notifications import endpoint_health, webhook_endpoints
from customers.notifications.resend import resend_since
from customers.notifications.webhook_endpoints import EndpointRefused
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem

EXAMPLE = OpenApiExample(
    "Alerts and top-ups",
    {"url": "https://example.com/tollbook", "kinds": ["alert.fired", "topup.failed"]},
    request_only=True,
)


@contextmanager
def as_problems() -> Iterator[None]:
    """Turn a refused operation into a validation error if a field is at fault, and into a conflict otherwise."""
    try:
        yield
    except EndpointRefused as refusal:
        if not refusal.field:
            raise Problem("conflict", str(refusal)) from refusal
        detail = serializers.ErrorDetail(str(refusal), "refused")
        raise serializers.ValidationError({refusal.field: [detail]}) from refusal


class Endpoints(SandboxIsolation, generics.GenericAPIView[WebhookEndpoint]):
    """The webhook endpoints that the caller may see, without removed ones."""

    queryset = WebhookEndpoint.objects.not_removed()
    serializer_class = EndpointSerializer
    lookup_url_kwarg = "webhook"

    def read(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """
        Return the validated body.

        :raises serializers.ValidationError: if the body does not fit the serializer.
        """
        body = serializer(data=self.request.data)
        body.is_valid(raise_exception=True)
        return body.validated_data

    def with_secret(self, endpoint: WebhookEndpoint, secret: str, code: int) -> Response:
        """Return a response with the secret; the copy stored for repeated requests has none."""
        body = {**EndpointSerializer(endpoint).data, "secret": secret}
        response = Response(body, status=code)
        response.kept_data = {**body, "secret": None}
        return response


class EndpointsView(Endpoints, generics.ListAPIView[WebhookEndpoint]):
    """The list of webhook endpoints."""

    required_scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(operation_id="list_webhooks", summary="List webhook endpoints, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_webhook",
        summary="Add a webhook endpoint",
        description="It is told what happens from now on to live customers, or to sandbox ones with a test key. The"
        " answer holds its secret, which is never shown again; messages are signed as Standard Webhooks says.",
        request=EndpointSerializer,
        responses={201: SecretEndpointSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    @transaction.atomic
    def post(self, request: Request) -> Response:
        request_data = self.read(EndpointSerializer)
        enabled = request_data.pop("enabled", True)
        with as_problems():
            endpoint, secret = webhook_endpoints.create(**request_data, sandbox=request.user.sandbox, by=None)
            if not enabled:
                endpoint_health.disable(endpoint=endpoint, at=timezone.now())
                endpoint.refresh_from_db()
        return self.with_secret(endpoint, secret, status.HTTP_201_CREATED)


class EndpointView(Endpoints, generics.RetrieveAPIView[WebhookEndpoint]):
    """One webhook endpoint."""

    required_scopes = {"GET": "read", "PATCH": "manage", "DELETE": "manage"}

    @extend_schema(operation_id="get_webhook", summary="Read a webhook endpoint")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="update_webhook",
        summary="Change a webhook endpoint, or switch it off and on",
        description="Messages that are under way go to where it stands then.",
    )
    @transaction.atomic
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        endpoint = self.get_object()
        serializer = EndpointSerializer(endpoint, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        request_data = serializer.validated_data
        enabled = request_data.pop("enabled", None)
        with as_problems():
            webhook_endpoints.change(endpoint=endpoint, **request_data)
        if enabled is True:
            endpoint_health.enable(endpoint=endpoint)
        elif enabled is False:
            endpoint_health.disable(endpoint=endpoint, at=timezone.now())
        endpoint.refresh_from_db()
        return Response(EndpointSerializer(endpoint).data)

    @extend_schema(
        operation_id="remove_webhook",
        summary="Remove a webhook endpoint",
        description="Nothing is sent to it any more, and its secrets are forgotten at once.",
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        endpoint_health.remove(endpoint=self.get_object(), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class RotationView(Endpoints):
    """The rotation of an endpoint's secret."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Give a webhook endpoint a new secret",
        description="The answer holds it, and it is never shown again. For `overlap` seconds messages are signed"
        " by the old secret as well, so that a receiver can change over without refusing any.",
        request=RotationSerializer,
        responses={201: SecretEndpointSerializer},
    )
    @idempotent
    def post(self, request: Request, webhook: int) -> Response:
        endpoint, overlap = self.get_object(), self.read(RotationSerializer)["overlap"]
        with as_problems():
            secret = webhook_endpoints.rotate(
                endpoint=endpoint, overlap=timedelta(seconds=overlap), at=timezone.now()
            )
        endpoint.refresh_from_db()
        return self.with_secret(endpoint, secret, status.HTTP_201_CREATED)


class SendTestView(Endpoints):
    """A test message without content."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="test_webhook",
        summary="Send a webhook endpoint a test",
        description="A message of the type `webhook.test`, signed and tried as any other. Read what comes of it from"
        " the deliveries of the endpoint.",
        request=None,
        responses={201: DeliverySerializer},
    )
    @idempotent
    def post(self, request: Request, webhook: int) -> Response:
        endpoint = self.get_object()
        with as_problems():
            delivery = webhook_endpoints.send_test(endpoint=endpoint, at=timezone.now())
        delivery.notification.refresh_from_db(fields=["message_id"])
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)


class ReplayView(Endpoints):
    """The resending of missed messages."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="replay_webhooks",
        summary="Send a webhook endpoint what it has missed",
        description="All since a moment that failed, was given up, or happened while the endpoint was switched off or"
        " did not yet subscribe to it. Messages keep their webhook-id.",
        request=ReplaySerializer,
        responses={200: ReplayedSerializer},
    )
    @idempotent
    def post(self, request: Request, webhook: int) -> Response:
        endpoint, request_data = self.get_object(), self.read(ReplaySerializer)
        with as_problems():
            messages = resend_since(endpoint=endpoint, **request_data, at=timezone.now())
        return Response({"messages": messages})
