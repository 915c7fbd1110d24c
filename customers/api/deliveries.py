"""Deliveries of webhooks to an endpoint, over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api.webhook_serializers import DeliverySerializer
from customers.api.webhooks import as_problems
from customers.api_keys.idempotency import idempotent
from customers.models import Delivery, WebhookEndpoint
from customers.models.notifications import DeliveryState
from customers.notifications.resend import resend


class Deliveries(generics.GenericAPIView[Delivery]):
    """The deliveries to one endpoint that the caller may see."""

    serializer_class = DeliverySerializer
    lookup_field = "pk"
    lookup_url_kwarg = "number"

    def get_queryset(self) -> QuerySet[Delivery]:
        """
        Return the deliveries to the endpoint in the URL.

        :raises Http404: if the caller sees no such endpoint.
        """
        endpoints = WebhookEndpoint.objects.not_removed().filter(sandbox=self.request.user.sandbox)
        endpoint = generics.get_object_or_404(endpoints, pk=self.kwargs["webhook"])
        return Delivery.objects.filter(endpoint=endpoint).select_related("notification__customer", "endpoint")


class DeliveriesView(Deliveries, generics.ListAPIView[Delivery]):
    """The list of deliveries."""

    required_scopes = {"GET": "read"}
    filters = {"state": "state", "type": "notification__kind"}
    filter_choices = {"state": DeliveryState.values}

    @extend_schema(operation_id="list_webhook_deliveries", summary="Messages to a webhook endpoint, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class DeliveryReplayView(Deliveries):
    """The resending of one delivery."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="replay_webhook_delivery",
        summary="Send a message again",
        description="Whatever came of it, under the same webhook-id, with all its tries ahead of it.",
        request=None,
        responses={200: DeliverySerializer},
    )
    @idempotent
    def post(self, request: Request, webhook: int, number: int) -> Response:
        delivery = self.get_object()
        with as_problems():
            resend(delivery=delivery, at=timezone.now())
        return Response(DeliverySerializer(self.get_object()).data)
