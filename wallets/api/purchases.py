"""Purchases of credit packs into a wallet, over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from customers.customer_time import current_time
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import list_rows, post, read_row
from lib.api.views import ApiView
from wallets.api.movement_serializers import LedgerAmountField
from wallets.api.wallets import WalletRows
from wallets.credit_rules.topup_rule import MAX_PACKS
from wallets.models import Purchase, PurchaseState
from wallets.purchases import PackOrder, PurchaseRefused, buy, cancel
from wallets.purchases.purchase import MAX_REFERENCE_LENGTH

PURCHASE_REFUSALS = {PurchaseRefused: ("unprocessable", "refused")}
STATES = "`pending` until its invoice is paid, then `granted`; `failed` or `canceled` if it is not paid."


class PurchaseSerializer(RowSerializer[Purchase]):
    """A purchase of a pack, on the terms of its sale."""

    wallet = serializers.IntegerField(source="wallet_id")
    pack = serializers.CharField(source="terms.code")
    packs = serializers.IntegerField(source="quantity", help_text="1 if units are sold individually.")
    state = serializers.ChoiceField(choices=list(PurchaseState), help_text=STATES)
    units = NumberField()
    bonus = NumberField()
    net = AmountField(help_text="Before tax; the invoice has the amount due.")
    invoice = serializers.IntegerField(source="invoice_id")
    created_at = InstantField()
    granted_at = InstantField(allow_null=True)

    class Meta:
        model = Purchase
        fields = [
            *("id", "wallet", "pack", "packs", "units", "bonus", "net", "state", "invoice", "reference", "reason"),
            *("created_at", "granted_at"),
        ]


class NewPurchaseSerializer(StrictFields, serializers.Serializer[Any]):
    """The pack to buy, and its quantity."""

    pack = serializers.CharField(max_length=64, help_text="Code of a pack on sale.")
    reference = serializers.CharField(
        max_length=MAX_REFERENCE_LENGTH, help_text="Your ID for the purchase, unique in the wallet."
    )
    packs = serializers.IntegerField(min_value=1, max_value=MAX_PACKS, required=False, help_text="Default: 1.")
    units = LedgerAmountField(required=False, help_text="Number of units, for a pack that sells them individually.")
    features = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=100,
        required=False,
        help_text="Codes of the features that the units pay for, out of the pack's. Default: those of the pack.",
    )


class PurchaseCancellationSerializer(StrictFields, serializers.Serializer[Any]):
    """The reason of a cancellation."""

    reason = serializers.CharField(max_length=300, help_text="Printed on the credit note.")


class WalletPurchasesView(WalletRows[Purchase]):
    """Purchases into one wallet."""

    queryset = Purchase.objects.all()
    serializer_class = PurchaseSerializer

    list_all = list_rows("list_purchases", "List a wallet's purchases, newest first")

    @post(
        "buy_pack",
        "Buy a credit pack",
        "Invoiced at once, with tax, and granted when the invoice is paid, or at once if the wallet grants"
        " before payment. Sending the same reference again buys nothing and returns the first purchase. For a free"
        " top-up, grant the units.",
        request=NewPurchaseSerializer,
        status=201,
        refusals=PURCHASE_REFUSALS,
        examples={"Two packs": {"pack": "credits-100", "packs": 2, "reference": "order-7"}},
    )
    def buy(self, request: Request, wallet: int) -> Purchase:
        owner = self.owner
        return buy(wallet_id=owner.pk, order=PackOrder(**self.read_body()), at=current_time(owner.customer))


class Purchases(ApiView[Purchase]):
    """Purchases visible to the caller."""

    queryset = Purchase.objects.all()
    sandbox_path = "wallet__customer__sandbox"
    serializer_class = PurchaseSerializer
    lookup_url_kwarg = "purchase"

    read = read_row("get_purchase", "Read a purchase", "One purchase.")

    @post(
        "cancel_purchase",
        "Cancel an unpaid purchase",
        "Voids its invoice by a credit note.",
        request=PurchaseCancellationSerializer,
        refusals=PURCHASE_REFUSALS,
    )
    def cancel(self, request: Request, purchase: int) -> Purchase:
        stored_purchase, fields = self.get_object(), self.read_body()
        return cancel(purchase_id=stored_purchase.pk, **fields, at=current_time(stored_purchase.wallet.customer))
