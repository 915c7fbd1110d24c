"""Customer balances and refunds over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from customers.api.fields import SellerField
from customers.api.views import CustomerRows
from customers.customer_time import current_time
from invoices.models import BalanceEntry, CustomerBalance, Refund
from invoices.payments.acts import PayOutBalance
from invoices.payments.refunds.refund import RefundRefused, record_manual_refund
from lib.api.fields import CurrencyField, InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField, serialize_amount
from lib.api.operations import Idempotency, list_rows, post
from lib.api.views import ApiView
from lib.field_types import MAX_MONEY


class BalanceSerializer(RowSerializer[CustomerBalance]):
    """The money that a seller owes a customer in one currency."""

    seller = serializers.CharField(source="seller.code", help_text="Code of the seller.")
    amount = AmountField()

    class Meta:
        model = CustomerBalance
        fields = ["seller", "amount"]


class BalanceEntrySerializer(RowSerializer[BalanceEntry]):
    """One movement of a balance."""

    seller = serializers.CharField(source="seller.code", help_text="Code of the seller.")
    amount = AmountField()
    after = serializers.SerializerMethodField(help_text="The balance after the entry.")
    document = serializers.CharField(
        source="document.number",
        default=None,
        allow_null=True,
        help_text="Number of the related invoice or credit note.",
    )
    at = InstantField()

    class Meta:
        model = BalanceEntry
        fields = ["id", "seller", "kind", "amount", "after", "document", "at"]

    def get_after(self, entry: BalanceEntry) -> dict[str, str]:
        """Return the balance after the entry."""
        return serialize_amount(entry.after, str(entry.currency))


class BalancesView(CustomerRows[CustomerBalance]):
    """Balances, by seller and currency."""

    queryset = CustomerBalance.objects.select_related("seller")
    serializer_class = BalanceSerializer

    list_all = list_rows("list_balances", "List a customer's balances, by seller and currency")


class BalanceEntriesView(CustomerRows[BalanceEntry]):
    """Movements of a customer's balances."""

    queryset = BalanceEntry.objects.select_related("document", "seller")
    serializer_class = BalanceEntrySerializer

    list_all = list_rows("list_balance_entries", "List a customer's balance entries, newest first")


class RefundSerializer(RowSerializer[Refund]):
    """A refund to a customer, pending or settled."""

    customer = serializers.CharField(source="customer.external_id")
    credit_note = serializers.IntegerField(
        source="note_id", allow_null=True, help_text="Null if paid from the customer balance."
    )
    amount = AmountField()
    created_at = InstantField()
    settled_at = InstantField(allow_null=True)

    class Meta:
        model = Refund
        fields = [
            *("id", "customer", "credit_note", "attempt", "provider", "state", "amount", "ref", "reason"),
            *("created_at", "settled_at"),
        ]


class ManualRefundSerializer(StrictFields, serializers.Serializer[Any]):
    """The bank's reference of a transfer."""

    reference = serializers.CharField(max_length=120)


class Refunds(ApiView[Refund]):
    """Refunds, live or sandbox as the caller's key is."""

    queryset = Refund.objects.select_related("customer")
    sandbox_path = "customer__sandbox"
    serializer_class = RefundSerializer
    lookup_url_kwarg = "refund"

    list_all = list_rows(
        "list_refunds",
        "List refunds, newest first",
        "Live refunds with a live key, sandbox refunds with a test key.",
        filters={"customer": "customer__external_id", "state": "state"},
    )

    @post(
        "record_refund",
        "Record that a refund was paid manually",
        "For refunds that staff pay outside Tollbook.",
        idempotency=Idempotency.NONE,
        request=ManualRefundSerializer,
        refusals={RefundRefused: "unprocessable"},
    )
    def record(self, request: Request, refund: int) -> Refund:
        refund_row, fields = self.get_object(), self.read_body()
        return record_manual_refund(refund_id=refund_row.pk, **fields, at=current_time(refund_row.customer), by=None)


class PayOutSerializer(StrictFields, serializers.Serializer[Any]):
    """The amount of a balance to pay out."""

    amount = NumberField(positive=True, most=MAX_MONEY)
    currency = CurrencyField()
    seller = SellerField(help_text="Code of the seller that owes it; default: the customer's seller.")


class PayOutView(CustomerRows[Any]):
    """Payouts of a balance."""

    @post(
        "pay_balance_out",
        "Pay out a customer balance",
        "Deducts the amount from the balance. Pay the refund manually, then record it as paid.",
        request=PayOutSerializer,
        response=RefundSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        refusals={RefundRefused: ("unprocessable", "not_refundable")},
    )
    def pay_out(self, request: Request, customer: str) -> Refund | Response:
        fields = self.read_body()
        seller = fields.pop("seller", None) or self.owner.seller
        return perform_act(self, PayOutBalance(customer_id=self.owner.pk, seller_id=seller.pk, **fields))
