"""POST /api/v1/invoices/{id}/regenerate: void a period's invoice and issue a new one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.closing import CannotRegenerate, regenerate
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from invoices.api.credit_note_serializers import VoidReasonSerializer
from invoices.api.one_off_views import serialize_invoice
from invoices.api.serializers import InvoiceDetailSerializer
from invoices.api.views import INVOICES
from invoices.models import Invoice
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem


class RegenerateView(SandboxIsolation, generics.GenericAPIView[Invoice]):
    """The regeneration of a period's invoice."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = INVOICES.select_related("customer")
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="regenerate_invoice",
        summary="Void a period's invoice, and make it again",
        description="With addresses, tax numbers and taxes as they are now. The answer is the new invoice.",
        request=VoidReasonSerializer,
        responses={201: InvoiceDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invoice = self.get_object()
        serializer = VoidReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            regenerated = regenerate(
                invoice_id=invoice.pk, **serializer.validated_data, at=current_time(invoice.customer)
            )
        except CannotRegenerate as refused:
            raise Problem("unprocessable", str(refused)) from refused
        return Response(serialize_invoice(regenerated, request), status=status.HTTP_201_CREATED)
