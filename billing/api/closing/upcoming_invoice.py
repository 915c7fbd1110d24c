"""GET /api/v1/subscriptions/{id}/upcoming: the next invoice as it would be issued now."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.closing.draft_serializers import PREVIEW_REFUSALS, DocumentSerializer, document_of
from billing.api.subscriptions.views import Subscriptions
from billing.closing import preview
from customers.customer_time import current_time
from lib.api.operations import get, refused_as


class UpcomingView(Subscriptions):
    """The upcoming invoice."""

    @get(
        "preview_invoice",
        "Preview a subscription's upcoming invoice",
        "Of the running period, or else of the next one that is not billed, with the credit notes that"
        " would go out with it. Made by the code that issues it; nothing is stored.",
        response=DocumentSerializer,
        problems=("conflict",),
    )
    def preview(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        subscription = self.get_object()
        with refused_as(PREVIEW_REFUSALS):
            draft = preview(subscription=subscription, at=current_time(subscription.customer))
        return Response(document_of(draft))
