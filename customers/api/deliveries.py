"""Deliveries of webhooks to an endpoint, over HTTP."""

from django.utils import timezone
from rest_framework.request import Request

from customers.api.webhook_serializers import DeliverySerializer
from customers.api.webhooks import ENDPOINT_REFUSALS
from customers.models import Delivery, WebhookEndpoint
from customers.models.notifications import DeliveryState
from customers.notifications.resend import resend
from lib.api.operations import list_rows, post
from lib.api.views import OwnedRows


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
