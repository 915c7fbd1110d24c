"""Invoices of periods over HTTP: the upcoming one of a subscription, and the regeneration of an issued one."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.closing.draft_serializers import PREVIEW_REFUSALS, DocumentSerializer, document_of
from billing.api.subscriptions.views import Subscriptions
from billing.closing import CannotRegenerate, preview, regenerate
from customers.customer_time import current_time
from invoices.api.credit_note_serializers import VoidReasonSerializer
from invoices.api.serializers import InvoiceDetailSerializer
from invoices.api.views import Invoices, detailed
from invoices.models import Invoice
from lib.api.operations import get, post, refused_as


class UpcomingView(Subscriptions):
    """The upcoming invoice."""

    @get(
        "preview_invoice",
        "Preview a subscription's upcoming invoice",
        "The invoice of the current period, or of the next one that is not invoiced yet, with the credit notes issued"
        " at the same time. Calculated by the code that issues it; nothing is stored.",
        response=DocumentSerializer,
        problems=("conflict",),
    )
    def preview(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        subscription = self.get_object()
        with refused_as(PREVIEW_REFUSALS):
            draft = preview(subscription=subscription, at=current_time(subscription.customer))
        return Response(document_of(draft))


class RegenerateView(Invoices):
    """The regeneration of a period's invoice."""

    @post(
        "regenerate_invoice",
        "Void a period's invoice and reissue it",
        "The new invoice uses today's addresses, tax numbers and tax rates. Returns the new invoice.",
        request=VoidReasonSerializer,
        response=InvoiceDetailSerializer,
        status=201,
        refusals={CannotRegenerate: "unprocessable"},
    )
    def regenerate(self, request: Request, *args: Any, **kwargs: Any) -> Invoice:
        invoice, fields = self.get_object(), self.read_body()
        return detailed(regenerate(invoice_id=invoice.pk, **fields, at=current_time(invoice.customer)))
