"""Payments of an invoice over HTTP. They are recorded here, above invoices, because an invoice may be for credits."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from invoices.models import DocumentKind, Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments.manual_payments import MAX_REFERENCE, PaymentRefused
from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.problems import Problem
from wallets.purchases import receive_payment

EXAMPLE = OpenApiExample(
    "A bank transfer", {"reference": "statement 12, line 3", "amount": "23.80"}, request_only=True
)


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """A payment received for an invoice."""

    amount = AmountField(source="money")
    paid_at = InstantField(help_text="When it came.")
    created_at = InstantField(help_text="When it was recorded.")

    class Meta:
        model = Payment
        fields = ["id", "amount", "method", "reference", "paid_at", "reason", "created_at"]
        read_only_fields = fields


class NewPaymentSerializer(StrictFields, serializers.Serializer[Any]):
    """A payment to record."""

    reference = serializers.CharField(
        max_length=MAX_REFERENCE, help_text="What the payment is known by; it counts once for an invoice."
    )
    amount = NumberField(required=False, help_text="In the invoice's currency; all that is due if not given.")
    paid_at = InstantField(required=False, help_text="When it came; now if not given.")
    keeps_surplus = serializers.BooleanField(
        required=False, help_text="Whether what is beyond what is due is kept on the customer's balance."
    )
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)


class PaymentsView(generics.ListAPIView[Payment]):
    """Payments of one invoice visible to the caller."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    serializer_class = PaymentSerializer

    def invoice(self) -> Invoice:
        """
        Return the invoice of the address.

        :raises Http404: if the caller sees no such invoice.
        """
        visible = Invoice.objects.filter(kind=DocumentKind.INVOICE, sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(visible, pk=self.kwargs["invoice"])

    def get_queryset(self) -> QuerySet[Payment]:
        """Return the invoice's payments."""
        return Payment.objects.filter(invoice=self.invoice())

    @extend_schema(operation_id="list_payments", summary="Payments of an invoice, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="record_payment",
        summary="Record a payment",
        description="What came in for an invoice, up to what is due. The same reference again records nothing, and is"
        " answered as the first time.",
        request=NewPaymentSerializer,
        responses={201: PaymentSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, invoice: int) -> Response:
        paid_invoice = self.invoice()
        serializer = NewPaymentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = {"amount": _amount_of(paid_invoice, serializer.validated_data), **serializer.validated_data}
        try:
            at = current_time(paid_invoice.customer)
            payment = receive_payment(invoice_id=paid_invoice.pk, **fields, method=PaymentChannel.MANUAL, at=at)
        except PaymentRefused as refused:
            errors = [{"field": refused.field, "code": "not_payable", "detail": str(refused)}]
            raise Problem("unprocessable", str(refused), errors=errors) from refused
        return Response(PaymentSerializer(payment).data, status=status.HTTP_201_CREATED)


def _amount_of(invoice: Invoice, fields: dict[str, Any]) -> Decimal:
    """Return the amount of the payment with this reference, or else the amount due."""
    earlier = Payment.objects.filter(invoice=invoice, reference=fields["reference"]).first()
    return earlier.amount if earlier else invoice.due
