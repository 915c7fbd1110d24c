"""GET /api/v1/subscriptions/{id}/upcoming: the next invoice as it would be issued now."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.closing.draft_serializers import DocumentSerializer, document_of
from billing.api.subscriptions.views import Subscriptions
from billing.closing import NothingToBill, preview
from billing.closing.lines.usage_lines import UnpricedUsage
from customers.customer_time import current_time
from lib.api.problems import Problem


class UpcomingView(Subscriptions):
    """The upcoming invoice."""

    required_scopes = {"GET": "read"}
    problems = {"GET": ["conflict"]}

    @extend_schema(
        operation_id="preview_invoice",
        summary="Preview a subscription's upcoming invoice",
        description="Of the running period, or else of the next one that is not billed, with the credit notes that"
        " would go out with it. Made by the code that issues it; nothing is stored.",
        responses={200: DocumentSerializer},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        try:
            subscription = self.get_object()
            draft = preview(subscription=subscription, at=current_time(subscription.customer))
        except (NothingToBill, UnpricedUsage, ValueError) as error:
            raise Problem("conflict", str(error)) from error
        return Response(document_of(draft))
