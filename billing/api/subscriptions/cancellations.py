"""Cancellations over HTTP: preview, cancel, and undo a cancellation."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.closing.draft_serializers import DocumentSerializer, document_of
from billing.api.subscriptions.serializers import CancellationSerializer, SubscriptionSerializer
from billing.api.subscriptions.views import Subscriptions
from billing.closing import NothingToBill, preview_cancellation
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.problems import Problem

EXAMPLE = OpenApiExample("Now, with a credit", {"when": "now", "give_back": "credit"}, request_only=True)


class CancellationView(Subscriptions):
    """The cancellation of a subscription."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="cancel_subscription",
        summary="Cancel a subscription",
        description="At the end of the running period, unless `when` or `ends_at` says otherwise. What was used until"
        " then is billed. What was paid in advance for the rest of a period is given back by a credit note if"
        " `give_back` says so, once that period is closed.",
        request=CancellationSerializer,
        responses={200: SubscriptionSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        try:
            canceled = subscriptions.cancel(**_arguments(request, self.get_object()))
        except subscriptions.CancellationRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(canceled))


class CancellationPreviewView(Subscriptions):
    """The preview of a cancellation."""

    required_scopes = {"POST": "read"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="preview_cancellation",
        summary="Preview a cancellation",
        description="The last invoice and the credit notes that would go out with it, made by the code that issues"
        " them; nothing is stored.",
        request=CancellationSerializer,
        responses={200: DocumentSerializer},
        examples=[EXAMPLE],
    )
    def post(self, request: Request, subscription: str) -> Response:
        try:
            draft = preview_cancellation(**_arguments(request, self.get_object()))
        except (subscriptions.CancellationRefused, NothingToBill, UnpricedUsage, ValueError) as error:
            raise Problem("conflict", str(error)) from error
        return Response(document_of(draft))


class CancellationWithdrawalView(Subscriptions):
    """The withdrawal of a cancellation before it takes effect."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="withdraw_cancellation",
        summary="Take a cancellation back",
        description="Until its end comes, the subscription goes on as if it had never been canceled, unless another"
        " one covers its features meanwhile.",
        request=None,
        responses={200: SubscriptionSerializer},
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        continued = self.get_object()
        try:
            continued = subscriptions.uncancel(subscription=continued, at=current_time(continued.customer))
        except subscriptions.CancellationRefused as error:
            raise Problem("conflict", str(error)) from error
        return Response(self.shown(continued))


def _arguments(request: Request, subscription: Subscription) -> dict[str, Any]:
    """Return the request's fields as arguments of `cancel`."""
    at = current_time(subscription.customer)
    serializer = CancellationSerializer(data=request.data, context={"at": at})
    serializer.is_valid(raise_exception=True)
    return {"subscription": subscription, "at": at, **serializer.validated_data}
