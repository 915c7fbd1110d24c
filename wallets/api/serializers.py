"""Wallets, lots and transactions, as the API returns them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from lib.api.fields import CurrencyField, InstantField, RowSerializer, StrictFields
from lib.api.number_fields import NumberField, serialize_amount
from plans.api.rating_result import AmountDocument
from wallets.ledger.balances import EMPTY_BALANCES, WalletBalances
from wallets.models import Entry, Lot, Transaction, Wallet
from wallets.models.wallets import CREDITS, AtZeroRule

RULES = [(value, label) for value, label in AtZeroRule.choices if value]
EXPIRY = inline_serializer("NextExpiry", {"at": InstantField(), "amount": NumberField()}, allow_null=True)


class WalletSerializer(RowSerializer[Wallet]):
    """Prepaid value of a customer. All amounts are in `unit`. context: `standings`, balances by wallet id."""

    customer = serializers.CharField(source="customer.external_id", help_text="The customer's id.")
    unit = serializers.CharField(help_text="`credits`, or the currency of the money that it holds.")
    currency = serializers.CharField(help_text="Of what was paid for the lots.")
    priority = serializers.IntegerField(help_text="Of several wallets the lowest is taken first.")
    at_zero = serializers.SerializerMethodField(help_text="With nothing left; null: as the plan says.")
    grace = NumberField(allow_null=True, help_text="How far below zero it may go; null: as the plan says.")
    balance = NumberField(help_text="What is left in its lots, less what it owes.")
    debt = NumberField(help_text="What it owes; the next grant pays it.")
    available = serializers.SerializerMethodField(help_text="In lots that are valid now, and not held.")
    held = serializers.SerializerMethodField(help_text="Kept for reservations.")
    next_expiry = serializers.SerializerMethodField(help_text="When lots expire next, and what is left in them.")
    closed_at = InstantField(allow_null=True)
    created_at = InstantField()

    class Meta:
        model = Wallet
        fields = [
            *("id", "customer", "name", "unit", "currency", "balance", "available", "held", "debt", "next_expiry"),
            *("priority", "at_zero", "grace", "promotional_first", "pays_invoices", "closed_at", "created_at"),
        ]

    def _standing(self, wallet: Wallet) -> WalletBalances:
        balances: WalletBalances = self.context["standings"].get(wallet.pk, EMPTY_BALANCES)
        return balances

    @extend_schema_field(serializers.ChoiceField(RULES, allow_null=True))
    def get_at_zero(self, wallet: Wallet) -> str | None:
        """Return the wallet's own rule."""
        return wallet.at_zero or None

    @extend_schema_field(NumberField())
    def get_available(self, wallet: Wallet) -> str:
        """Return the amount that can be spent now."""
        return NumberField().to_representation(self._standing(wallet).available)

    @extend_schema_field(NumberField())
    def get_held(self, wallet: Wallet) -> str:
        """Return the amount held for reservations."""
        return NumberField().to_representation(self._standing(wallet).held)

    @extend_schema_field(EXPIRY)
    def get_next_expiry(self, wallet: Wallet) -> dict[str, Any] | None:
        """Return the time and amount of the next expiry."""
        balances = self._standing(wallet)
        if balances.next_expiry is None:
            return None
        return {
            "at": InstantField().to_representation(balances.next_expiry),
            "amount": NumberField().to_representation(balances.expiring),
        }


class LotSerializer(RowSerializer[Lot]):
    """A lot: a grant and its remaining units. context: `features`, id → code."""

    kind = serializers.CharField(help_text="purchased, promotional, included, bonus, rollover or refund.")
    amount = NumberField(help_text="What was granted.")
    remaining = NumberField(help_text="Not spent, expired or void yet.")
    held = NumberField(help_text="Of what remains: kept for reservations.")
    expired = NumberField(help_text="What expired of it.")
    cost = serializers.SerializerMethodField(help_text="What all of it was paid with, net of tax.")
    is_paid = serializers.BooleanField(help_text="Whether it counts as paid for, rather than promotional.")
    features = serializers.SerializerMethodField(help_text="Codes of the features that it is for; all if empty.")
    valid_from = InstantField()
    expires_at = InstantField(allow_null=True)
    granted_at = InstantField()
    rollover_most = NumberField(allow_null=True, help_text="So much of it rolls over at most.")
    source = serializers.CharField(  # type: ignore[assignment]  # a field, which the metaclass takes off
        help_text="What granted it; unique in the wallet."
    )

    class Meta:
        model = Lot
        fields = [
            *("id", "wallet", "kind", "amount", "remaining", "held", "expired", "cost", "is_paid", "priority"),
            *("valid_from", "expires_at", "features", "rolls_over", "rollover_most", "rollover_days", "origin"),
            *("granted_at", "source"),
        ]

    @extend_schema_field(AmountDocument())
    def get_cost(self, lot: Lot) -> dict[str, str]:
        """Return the amount paid for the lot."""
        return serialize_amount(lot.cost, str(lot.wallet.currency))

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_features(self, lot: Lot) -> list[str]:
        """Return the codes of the features it is restricted to."""
        return [self.context["features"][id_] for id_ in lot.features]


class EntrySerializer(RowSerializer[Entry]):
    """One entry of a transaction: the gain of one account."""

    account = serializers.CharField(help_text="wallet, world, earned, breakage or promotional.")
    lot = serializers.IntegerField(source="lot_id", allow_null=True, help_text="Whose units; null: what is owed.")
    units = NumberField()
    money = NumberField(help_text="Cost basis of the units, net of tax.")

    class Meta:
        model = Entry
        fields = ["account", "lot", "units", "money"]


class TransactionSerializer(RowSerializer[Transaction]):
    """One transaction of a wallet. Its entries sum to zero."""

    kind = serializers.CharField(
        help_text="grant, spend, give_back, expire, revive, roll_over, repay, void, refund …"
    )
    at = InstantField(help_text="When it was recorded.")
    used_at = InstantField(allow_null=True, help_text="When the use was that it pays for.")
    feature = serializers.CharField(source="feature.code", allow_null=True, default=None)
    units = NumberField(help_text="What the balance moved by.")
    uncovered = NumberField(help_text="What was asked for beyond, and the wallet had not.")
    balance_after = NumberField()
    entries = EntrySerializer(many=True)

    class Meta:
        model = Transaction
        fields = [
            *("id", "kind", "reference", "at", "used_at", "feature", "units", "uncovered", "balance_after", "reason"),
            "entries",
        ]


class SettingsSerializer(StrictFields, serializers.Serializer[Any]):
    """Settings of a wallet; fields not sent stay unchanged."""

    name = serializers.CharField(max_length=80, required=False)
    priority = serializers.IntegerField(
        min_value=0, max_value=32767, required=False, help_text="Of several wallets the lowest is taken first."
    )
    at_zero = serializers.ChoiceField(RULES, required=False, allow_null=True, help_text="Null: as the plan says.")
    grace = NumberField(required=False, allow_null=True, help_text="With `grace`: how far below zero.")
    promotional_first = serializers.BooleanField(required=False)
    pays_invoices = serializers.BooleanField(required=False, help_text="Of a wallet of money only.")

    def validate_at_zero(self, rule: str | None) -> str:
        """Return the rule as it is stored."""
        return rule or ""


class NewWalletSerializer(SettingsSerializer):
    """A wallet to open; its validated data are the arguments of `open_wallet`."""

    customer = serializers.CharField(max_length=200, help_text="The customer's id.")
    unit = serializers.CharField(
        max_length=7, default=CREDITS, help_text="`credits`, or the currency of the money that it is to hold."
    )
    currency = CurrencyField(required=False, help_text="Of what its lots are paid with. Default: the customer's.")
