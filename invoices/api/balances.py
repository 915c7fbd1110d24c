"""What customers have to come, and what was paid back, over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import time_of
from customers.models import Customer
from invoices.models import BalanceEntry, CustomerBalance, Refund
from invoices.payments.refunds.refund import CannotRefund, pay_out, record_by_hand
from lib.api.fields import InstantField, KnownFields
from lib.api.isolation import Isolated
from lib.api.number_fields import AmountField, NumberField, amount_document
from lib.api.problems import Problem


class BalanceSerializer(serializers.ModelSerializer[CustomerBalance]):
    """What a customer has to come in one currency."""

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
        """Return the balance after it."""
        return amount_document(entry.after, str(entry.currency))


class OfCustomer:
    """Rows of a customer of the caller's world."""

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


class BalancesView(OfCustomer, generics.ListAPIView[CustomerBalance]):
    """Balances, by currency."""

    required_scopes = {"GET": "read"}
    queryset = CustomerBalance.objects.all()
    serializer_class = BalanceSerializer

    @extend_schema(operation_id="list_balances", summary="What a customer has to come, by currency")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class BalanceEntriesView(OfCustomer, generics.ListAPIView[BalanceEntry]):
    """Movements of a customer's balances."""

    required_scopes = {"GET": "read"}
    queryset = BalanceEntry.objects.select_related("document")
    serializer_class = BalanceEntrySerializer

    @extend_schema(operation_id="list_balance_entries", summary="Movements of a customer's balance, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """Money on its way back to a customer, or there."""

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


class RefundsView(Isolated, generics.ListAPIView[Refund]):
    """Refunds of the caller's world."""

    sandbox_path = "customer__sandbox"
    required_scopes = {"GET": "read"}
    queryset = Refund.objects.select_related("customer")
    serializer_class = RefundSerializer
    filters = {"customer": "customer__external_id", "state": "state"}

    @extend_schema(operation_id="list_refunds", summary="List refunds, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PaidByHandSerializer(KnownFields, serializers.Serializer[Any]):
    """What the bank knows the transfer by."""

    reference = serializers.CharField(max_length=120)


class RefundPaidView(Isolated, generics.GenericAPIView[Refund]):
    """A refund that somebody has paid by hand."""

    sandbox_path = "customer__sandbox"
    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = Refund.objects.select_related("customer")
    serializer_class = RefundSerializer
    lookup_url_kwarg = "refund"

    @extend_schema(
        operation_id="record_refund",
        summary="Record that a refund was paid by hand",
        request=PaidByHandSerializer,
        responses={200: RefundSerializer},
    )
    def post(self, request: Request, refund: int) -> Response:
        found = self.get_object()
        serializer = PaidByHandSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            at = time_of(found.customer)
            found = record_by_hand(refund_id=found.pk, **serializer.validated_data, at=at, by=None)
        except CannotRefund as refused:
            raise Problem("unprocessable", str(refused)) from refused
        return Response(RefundSerializer(found).data)


class PayOutSerializer(KnownFields, serializers.Serializer[Any]):
    """How much of a balance is paid out."""

    amount = NumberField()
    currency = serializers.CharField(min_length=3, max_length=3)


class PayOutView(OfCustomer, generics.GenericAPIView[Refund]):
    """A balance, paid out."""

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
        found = self.customer()
        serializer = PayOutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            refund = pay_out(customer_id=found.pk, **serializer.validated_data, at=time_of(found))
        except CannotRefund as refused:
            errors = [{"field": refused.field, "code": "not_refundable", "detail": str(refused)}]
            raise Problem("unprocessable", str(refused), errors=errors if refused.field else ()) from refused
        return Response(RefundSerializer(refund).data, status=status.HTTP_201_CREATED)
