"""Purchases of credit packs into a wallet, over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.isolation import SandboxIsolation
from lib.api.number_fields import AmountField, NumberField
from lib.api.problems import Problem
from wallets.credit_rules.topup_rule import MAX_PACKS
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.purchases import PackOrder, PurchaseRefused, buy, cancel
from wallets.purchases.purchase import MAX_REFERENCE_LENGTH

EXAMPLE = OpenApiExample("Two packs", {"pack": "credits-100", "packs": 2, "reference": "order-7"}, request_only=True)
STATES = "`pending` until its invoice is paid, then `granted`; `failed` or `canceled` where nobody pays."


class PurchaseSerializer(serializers.ModelSerializer[Purchase]):
    """A purchase of a pack, on the terms of its sale."""

    wallet = serializers.IntegerField(source="wallet_id")
    pack = serializers.CharField(source="terms.code")
    packs = serializers.IntegerField(source="quantity", help_text="1 where units are sold one by one.")
    state = serializers.ChoiceField(choices=PurchaseState, help_text=STATES)
    units = NumberField()
    bonus = NumberField()
    net = AmountField(source="money", help_text="Before tax; the invoice says how much is due.")
    invoice = serializers.IntegerField(source="invoice_id")
    created_at = InstantField()
    granted_at = InstantField(allow_null=True)

    class Meta:
        model = Purchase
        fields = [
            *("id", "wallet", "pack", "packs", "units", "bonus", "net", "state", "invoice", "reference", "reason"),
            *("created_at", "granted_at"),
        ]
        read_only_fields = fields


class NewPurchaseSerializer(StrictFields, serializers.Serializer[Any]):
    """The pack to buy, and its quantity."""

    pack = serializers.CharField(max_length=64, help_text="The code of a pack that is on sale.")
    reference = serializers.CharField(
        max_length=MAX_REFERENCE_LENGTH, help_text="Your name for it; once for a wallet."
    )
    packs = serializers.IntegerField(min_value=1, max_value=MAX_PACKS, required=False, help_text="Default: 1.")
    units = NumberField(required=False, help_text="Of a pack that sells units one by one: how many.")


class PurchaseCancellationSerializer(StrictFields, serializers.Serializer[Any]):
    """The reason of a cancellation."""

    reason = serializers.CharField(max_length=300, help_text="Printed on the credit note.")


class Purchases(SandboxIsolation, generics.GenericAPIView[Purchase]):
    """Purchases visible to the caller."""

    serializer_class = PurchaseSerializer
    sandbox_path = "wallet__customer__sandbox"
    queryset = Purchase.objects.all()

    def refused(self, error: PurchaseRefused) -> Problem:
        """Return the problem of a purchase that can't be made or canceled."""
        errors = [{"field": error.field, "code": "refused", "detail": str(error)}]
        return Problem("unprocessable", str(error), errors=errors)


class WalletPurchasesView(Purchases, generics.ListAPIView[Purchase]):
    """Purchases into one wallet."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}

    def wallet(self) -> Wallet:
        """
        Return the wallet of the address.

        :raises Http404: if the caller sees no such wallet.
        """
        visible = Wallet.objects.filter(customer__sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(visible, pk=self.kwargs["wallet"])

    def get_queryset(self) -> QuerySet[Purchase]:
        """Return the wallet's purchases."""
        return Purchase.objects.filter(wallet=self.wallet())

    @extend_schema(operation_id="list_purchases", summary="Purchases of a wallet, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="buy_pack",
        summary="Buy a credit pack",
        description="It is invoiced at once, with its tax, and granted when the invoice is paid; at once where the"
        " wallet is trusted. The same reference again buys nothing, and is answered with what it bought.",
        request=NewPurchaseSerializer,
        responses={201: PurchaseSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, wallet: int) -> Response:
        owner = self.wallet()
        serializer = NewPurchaseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            order = PackOrder(**serializer.validated_data)
            purchase = buy(wallet_id=owner.pk, order=order, at=current_time(owner.customer))
        except PurchaseRefused as error:
            raise self.refused(error) from error
        return Response(PurchaseSerializer(purchase).data, status=status.HTTP_201_CREATED)


class PurchaseView(Purchases, generics.RetrieveAPIView[Purchase]):
    """One purchase."""

    required_scopes = {"GET": "read"}
    lookup_url_kwarg = "purchase"

    @extend_schema(operation_id="get_purchase", summary="Read a purchase")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PurchaseCancellationView(Purchases):
    """The cancellation of a purchase."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    lookup_url_kwarg = "purchase"

    @extend_schema(
        operation_id="cancel_purchase",
        summary="Cancel a purchase that nobody has paid",
        description="A credit note voids its invoice.",
        request=PurchaseCancellationSerializer,
        responses={200: PurchaseSerializer},
    )
    @idempotent
    def post(self, request: Request, purchase: int) -> Response:
        stored_purchase = self.get_object()
        serializer = PurchaseCancellationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            at = current_time(stored_purchase.wallet.customer)
            canceled = cancel(purchase_id=stored_purchase.pk, **serializer.validated_data, at=at)
        except PurchaseRefused as error:
            raise self.refused(error) from error
        return Response(PurchaseSerializer(canceled).data)
