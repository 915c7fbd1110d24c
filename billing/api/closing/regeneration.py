"""POST /api/v1/invoices/{id}/regenerate: void a period's invoice and issue a new one."""

from typing import Any

from rest_framework.request import Request

from billing.closing import CannotRegenerate, regenerate
from customers.customer_time import current_time
from invoices.api.credit_note_serializers import VoidReasonSerializer
from invoices.api.serializers import InvoiceDetailSerializer
from invoices.api.views import Invoices, detailed
from invoices.models import Invoice
from lib.api.operations import post


class RegenerateView(Invoices):
    """The regeneration of a period's invoice."""

    @post(
        "regenerate_invoice",
        "Void a period's invoice, and make it again",
        "With addresses, tax numbers and taxes as they are now. The answer is the new invoice.",
        request=VoidReasonSerializer,
        response=InvoiceDetailSerializer,
        status=201,
        refusals={CannotRegenerate: "unprocessable"},
    )
    def regenerate(self, request: Request, *args: Any, **kwargs: Any) -> Invoice:
        invoice, fields = self.get_object(), self.read_body()
        return detailed(regenerate(invoice_id=invoice.pk, **fields, at=current_time(invoice.customer)))
