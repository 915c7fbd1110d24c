"""Cancellations over HTTP: preview, cancel, and undo a cancellation."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.closing.draft_serializers import PREVIEW_REFUSALS, DocumentSerializer, document_of
from billing.api.subscriptions.serializers import CancellationSerializer
from billing.api.subscriptions.views import Subscriptions
from billing.closing import preview_cancellation
from billing.models import Subscription
from customers.customer_time import current_time
from lib.api.operations import post, refused_as

EXAMPLES = {"Now, with a credit": {"when": "now", "give_back": "credit"}}


class Cancellations(Subscriptions):
    """A subscription that is to be canceled."""

    def read_arguments(self) -> dict[str, Any]:
        """Return the request's fields as arguments of `cancel`."""
        subscription = self.get_object()
        at = current_time(subscription.customer)
        return {"subscription": subscription, "at": at, **self.read_body(at=at)}

    @post(
        "cancel_subscription",
        "Cancel a subscription",
        "Takes effect at the end of the current period, unless `when` or `ends_at` says otherwise. Usage until"
        " then is billed. With `give_back`, a credit note credits the unused prepaid time when the period is"
        " closed.",
        request=CancellationSerializer,
        refusals={subscriptions.CancellationRefused: "conflict"},
        examples=EXAMPLES,
    )
    def cancel(self, request: Request, subscription: str) -> Subscription:
        return self.reload(subscriptions.cancel(**self.read_arguments()))

    @post(
        "preview_cancellation",
        "Preview a cancellation",
        "The final invoice and its credit notes, calculated by the code that issues them; nothing is stored.",
        scope="read",
        request=CancellationSerializer,
        response=DocumentSerializer,
        refusals={subscriptions.CancellationRefused: "conflict"},
        examples=EXAMPLES,
    )
    def preview(self, request: Request, subscription: str) -> Response:
        arguments = self.read_arguments()
        with refused_as(PREVIEW_REFUSALS):
            draft = preview_cancellation(**arguments)
        return Response(document_of(draft))

    @post(
        "withdraw_cancellation",
        "Undo a cancellation",
        "Until the end date, the subscription continues as if it had never been canceled, unless another"
        " subscription now includes its features.",
        refusals={subscriptions.CancellationRefused: "conflict"},
    )
    def withdraw(self, request: Request, subscription: str) -> Subscription:
        canceled = self.get_object()
        subscriptions.uncancel(subscription=canceled, at=current_time(canceled.customer))
        return self.reload(canceled)
