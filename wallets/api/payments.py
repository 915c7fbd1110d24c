"""Payments of an invoice over HTTP. They are recorded here, above invoices, because an invoice may be for credits."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from invoices.api.views import InvoiceRows
from invoices.models import Invoice, Payment
from invoices.payments.manual_payments import MAX_REFERENCE, PaymentRefused
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import list_rows, post
from lib.field_types import MAX_MONEY
from wallets.operations.acts import RecordPayment


class PaymentSerializer(RowSerializer[Payment]):
    """A payment received for an invoice."""

    amount = AmountField()
    paid_at = InstantField(help_text="When the payment was received.")
    created_at = InstantField(help_text="When it was recorded.")

    class Meta:
        model = Payment
        fields = ["id", "amount", "method", "reference", "paid_at", "reason", "created_at"]


class NewPaymentSerializer(StrictFields, serializers.Serializer[Any]):
    """A payment to record."""

    reference = serializers.CharField(
        max_length=MAX_REFERENCE, help_text="Identifies the payment; it is recorded once per invoice."
    )
    amount = NumberField(
        positive=True, most=MAX_MONEY, required=False, help_text="In the invoice's currency; default: the amount due."
    )
    paid_at = InstantField(required=False, help_text="Default: now.")
    keeps_surplus = serializers.BooleanField(
        required=False, help_text="Whether an overpayment is added to the customer balance."
    )
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)


class PaymentsView(InvoiceRows[Payment]):
    """Payments of one invoice visible to the caller."""

    queryset = Payment.objects.all()
    serializer_class = PaymentSerializer

    list_all = list_rows("list_payments", "List an invoice's payments, newest first")

    @post(
        "record_payment",
        "Record a payment",
        "Records a payment up to the amount due. Sending the same reference again records nothing and returns"
        " the first response.",
        request=NewPaymentSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        refusals={PaymentRefused: ("unprocessable", "not_payable")},
        examples={"A bank transfer": {"reference": "statement 12, line 3", "amount": "23.80"}},
    )
    def record(self, request: Request, invoice: int) -> Payment | Response:
        paid_invoice, fields = self.owner, self.read_body()
        fields = {"amount": _amount_of(paid_invoice, fields), **fields}
        return perform_act(self, RecordPayment(invoice_id=paid_invoice.pk, **fields))


def _amount_of(invoice: Invoice, fields: dict[str, Any]) -> Decimal:
    """Return the amount of the payment with this reference, or else the amount due."""
    earlier = Payment.objects.filter(invoice=invoice, reference=fields["reference"]).first()
    return earlier.amount if earlier else invoice.due
