"""Customer balances and refunds over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from customers.models import Customer
from invoices.models import BalanceEntry, CustomerBalance, Refund
from invoices.payments.refunds.refund import RefundRefused, pay_out_balance, record_manual_refund
from lib.api.fields import InstantField, StrictFields
from lib.api.isolation import SandboxIsolation
from lib.api.number_fields import AmountField, NumberField, serialize_amount
from lib.api.problems import Problem


class BalanceSerializer(serializers.ModelSerializer[CustomerBalance]):
    """A customer's balance in one currency."""

    amount = AmountField(source="money")

    class Meta:
        model = CustomerBalance
        fields = ["amount"]
        read_only_fields = fields


class BalanceEntrySerializer(serializers.ModelSerializer[BalanceEntry]):
    """One movement of a balance."""

    amount = AmountField(source="money")
    after = serializers.SerializerMethodField(help_text="What the balance was then.")
    document = serializers.CharField(
        source="document.number", default=None, allow_null=True, help_text="The document that it is about."
    )
    at = InstantField()

    class Meta:
        model = BalanceEntry
        fields = ["id", "kind", "amount", "after", "document", "at"]
        read_only_fields = fields

    def get_after(self, entry: BalanceEntry) -> dict[str, str]:
        """Return the balance after the entry."""
        return serialize_amount(entry.after, str(entry.currency))


class CustomerRowsMixin:
    """Rows of one customer, live or sandbox as the caller's key is."""

    request: Request
    kwargs: Any

    def customer(self) -> Customer:
        """:raises Http404: if the caller sees no such customer."""
        own = Customer.objects.filter(sandbox=self.request.user.sandbox)
        return get_object_or_404(own, external_id=self.kwargs["customer"])

    def get_queryset(self) -> QuerySet[Any]:
        """Return the customer's rows."""
        rows: QuerySet[Any] = super().get_queryset()  # type: ignore[misc]
        return rows.filter(customer=self.customer())


class BalancesView(CustomerRowsMixin, generics.ListAPIView[CustomerBalance]):
    """Balances, by currency."""

    required_scopes = {"GET": "read"}
    queryset = CustomerBalance.objects.all()
    serializer_class = BalanceSerializer

    @extend_schema(operation_id="list_balances", summary="What a customer has to come, by currency")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class BalanceEntriesView(CustomerRowsMixin, generics.ListAPIView[BalanceEntry]):
    """Movements of a customer's balances."""

    required_scopes = {"GET": "read"}
    queryset = BalanceEntry.objects.select_related("document")
    serializer_class = BalanceEntrySerializer

    @extend_schema(operation_id="list_balance_entries", summary="Movements of a customer's balance, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """A refund to a customer, pending or settled."""

    customer = serializers.CharField(source="customer.external_id")
    credit_note = serializers.IntegerField(source="note_id", allow_null=True, help_text="Null: paid from a balance.")
    amount = AmountField(source="money")
    created_at = InstantField()
    settled_at = InstantField(allow_null=True)

    class Meta:
        model = Refund
        fields = [
            *("id", "customer", "credit_note", "attempt", "provider", "state", "amount", "ref", "reason"),
            *("created_at", "settled_at"),
        ]
        read_only_fields = fields


class RefundsView(SandboxIsolation, generics.ListAPIView[Refund]):
    """Refunds, live or sandbox as the caller's key is."""

    sandbox_path = "customer__sandbox"
    required_scopes = {"GET": "read"}
    queryset = Refund.objects.select_related("customer")
    serializer_class = RefundSerializer
    filters = {"customer": "customer__external_id", "state": "state"}

    @extend_schema(operation_id="list_refunds", summary="List refunds, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class ManualRefundSerializer(StrictFields, serializers.Serializer[Any]):
    """The bank's reference of a transfer."""

    reference = serializers.CharField(max_length=120)


class RefundPaidView(SandboxIsolation, generics.GenericAPIView[Refund]):
    """A refund that staff have paid by hand."""

    sandbox_path = "customer__sandbox"
    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = Refund.objects.select_related("customer")
    serializer_class = RefundSerializer
    lookup_url_kwarg = "refund"

    @extend_schema(
        operation_id="record_refund",
        summary="Record that a refund was paid by hand",
        request=ManualRefundSerializer,
        responses={200: RefundSerializer},
    )
    def post(self, request: Request, refund: int) -> Response:
        refund_row = self.get_object()
        serializer = ManualRefundSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            at = current_time(refund_row.customer)
            refund_row = record_manual_refund(refund_id=refund_row.pk, **serializer.validated_data, at=at, by=None)
        except RefundRefused as refused:
            raise Problem("unprocessable", str(refused)) from refused
        return Response(RefundSerializer(refund_row).data)


class PayOutSerializer(StrictFields, serializers.Serializer[Any]):
    """The amount of a balance to pay out."""

    amount = NumberField()
    currency = serializers.CharField(min_length=3, max_length=3)


class PayOutView(CustomerRowsMixin, generics.GenericAPIView[Refund]):
    """Payouts of a balance."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = Refund.objects.all()
    serializer_class = RefundSerializer

    @extend_schema(
        operation_id="pay_balance_out",
        summary="Pay some of a customer's balance out",
        description="Takes it off the balance; the refund is to be paid by hand, and recorded then.",
        request=PayOutSerializer,
        responses={201: RefundSerializer},
    )
    @idempotent
    def post(self, request: Request, customer: str) -> Response:
        customer_row = self.customer()
        serializer = PayOutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            refund = pay_out_balance(
                customer_id=customer_row.pk, **serializer.validated_data, at=current_time(customer_row)
            )
        except RefundRefused as refused:
            errors = [{"field": refused.field, "code": "not_refundable", "detail": str(refused)}]
            raise Problem("unprocessable", str(refused), errors=errors if refused.field else ()) from refused
        return Response(RefundSerializer(refund).data, status=status.HTTP_201_CREATED)
