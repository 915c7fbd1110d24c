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
        "At the end of the running period, unless `when` or `ends_at` says otherwise. What was used until"
        " then is billed. What was paid in advance for the rest of a period is given back by a credit note if"
        " `give_back` says so, once that period is closed.",
        request=CancellationSerializer,
        refusals={subscriptions.CancellationRefused: "conflict"},
        examples=EXAMPLES,
    )
    def cancel(self, request: Request, subscription: str) -> Subscription:
        return self.reload(subscriptions.cancel(**self.read_arguments()))

    @post(
        "preview_cancellation",
        "Preview a cancellation",
        "The last invoice and the credit notes that would go out with it, made by the code that issues"
        " them; nothing is stored.",
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
        "Take a cancellation back",
        "Until its end comes, the subscription goes on as if it had never been canceled, unless another"
        " one covers its features meanwhile.",
        refusals={subscriptions.CancellationRefused: "conflict"},
    )
    def withdraw(self, request: Request, subscription: str) -> Subscription:
        canceled = self.get_object()
        subscriptions.uncancel(subscription=canceled, at=current_time(canceled.customer))
        return self.reload(canceled)
