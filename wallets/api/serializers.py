"""Wallets, lots and transactions, as the API returns them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from customers.api.fields import SellerField
from lib.api.field_rules import FieldRule, given, needs, not_both
from lib.api.fields import CURRENCY_CODES, CurrencyField, InstantField, RowSerializer, StrictFields
from lib.api.number_fields import NumberField, serialize_amount
from plans.api.rating_result import AmountDocument
from wallets.credit_rules.units import MAX_UNITS, PLACES
from wallets.ledger.balances import EMPTY_BALANCES, WalletBalances
from wallets.models import Entry, Lot, Transaction, Wallet
from wallets.models.wallets import CREDITS, AtZeroRule

RULES = [(value, label) for value, label in AtZeroRule.choices if value]
EXPIRY = inline_serializer("NextExpiry", {"at": InstantField(), "amount": NumberField()}, allow_null=True)


class WalletSerializer(RowSerializer[Wallet]):
    """Prepaid value of a customer. All amounts are in `unit`. context: `standings`, `ongoing`: by wallet id."""

    customer = serializers.CharField(source="customer.external_id", help_text="The customer's external ID.")
    seller = serializers.CharField(source="seller.code", help_text="Code of the seller of its purchases.")
    unit = serializers.CharField(help_text="`credits`, or the currency of a money wallet.")
    currency = serializers.CharField(help_text="Currency of the lots' cost.")
    priority = serializers.IntegerField(help_text="Wallets with the lowest priority are used first.")
    at_zero = serializers.SerializerMethodField(help_text="When the wallet is empty; null: the plan's setting.")
    grace = NumberField(allow_null=True, help_text="Overdraft limit; null: the plan's setting.")
    balance = NumberField(help_text="Remaining units of its lots, less its overdraft.")
    ongoing_balance = serializers.SerializerMethodField(
        help_text="Balance less unpaid invoices, drafts and usage not invoiced yet, with tax; null for a wallet that"
        " pays no invoices."
    )
    debt = NumberField(help_text="Overdraft; the next grant settles it.")
    available = serializers.SerializerMethodField(help_text="Remaining units of lots valid now, less holds.")
    held = serializers.SerializerMethodField(help_text="Held by reservations.")
    next_expiry = serializers.SerializerMethodField(help_text="Time and remaining units of the next expiry.")
    closed_at = InstantField(allow_null=True)
    created_at = InstantField()

    class Meta:
        model = Wallet
        fields = [
            *(
                "id",
                "customer",
                "seller",
                "name",
                "unit",
                "currency",
                "balance",
                "ongoing_balance",
                "available",
                "held",
                "debt",
                "next_expiry",
            ),
            *("priority", "at_zero", "grace", "promotional_first", "pays_invoices", "closed_at", "created_at"),
        ]

    def _standing(self, wallet: Wallet) -> WalletBalances:
        balances: WalletBalances = self.context["standings"].get(wallet.pk, EMPTY_BALANCES)
        return balances

    @extend_schema_field(serializers.ChoiceField(RULES, allow_null=True))
    def get_at_zero(self, wallet: Wallet) -> str | None:
        """Return the wallet's own rule."""
        return wallet.at_zero or None

    @extend_schema_field(NumberField(allow_null=True))
    def get_ongoing_balance(self, wallet: Wallet) -> str | None:
        """Return the ongoing balance of a wallet that pays invoices."""
        balance = self.context["ongoing"].get(wallet.pk)
        return None if balance is None else NumberField().to_representation(balance)

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
    amount = NumberField(help_text="Units granted.")
    remaining = NumberField(help_text="Units neither spent, expired nor voided.")
    held = NumberField(help_text="Part of the remaining units that reservations hold.")
    expired = NumberField(help_text="Units expired.")
    cost = serializers.SerializerMethodField(help_text="Amount paid for the whole lot, net of tax.")
    tax_point = serializers.CharField(help_text="When its cost is taxed: sold, used, or included (tax in the cost).")
    is_paid = serializers.BooleanField(help_text="Whether it counts as purchased rather than promotional.")
    features = serializers.SerializerMethodField(help_text="Codes of the features that it pays for; empty: all.")
    valid_from = InstantField()
    expires_at = InstantField(allow_null=True)
    granted_at = InstantField()
    rollover_most = NumberField(allow_null=True, help_text="Maximum that rolls over.")
    source = serializers.CharField(  # type: ignore[assignment]  # a field, which the metaclass takes off
        help_text="Origin of the lot, such as its purchase; unique in the wallet."
    )

    class Meta:
        model = Lot
        fields = [
            *("id", "wallet", "kind", "amount", "remaining", "held", "expired", "cost", "tax_point", "is_paid"),
            "priority",
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
    lot = serializers.IntegerField(
        source="lot_id", allow_null=True, help_text="The lot whose units moved; null: the overdraft."
    )
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
    used_at = InstantField(allow_null=True, help_text="Time of the usage that it pays for.")
    feature = serializers.CharField(source="feature.code", allow_null=True, default=None)
    units = NumberField(help_text="Change of the balance.")
    uncovered = NumberField(help_text="Uncovered amount: requested but not available in the wallet.")
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
        min_value=0, max_value=32767, required=False, help_text="Wallets with the lowest priority are used first."
    )
    at_zero = serializers.ChoiceField(RULES, required=False, allow_null=True, help_text="Null: the plan's setting.")
    grace = NumberField(
        positive=True,
        most=MAX_UNITS,
        places=PLACES,
        required=False,
        allow_null=True,
        help_text="Overdraft limit, with `grace`.",
    )
    promotional_first = serializers.BooleanField(required=False)
    pays_invoices = serializers.BooleanField(required=False, help_text="Only for a money wallet.")

    def validate_at_zero(self, rule: str | None) -> str:
        """Return the rule as it is stored."""
        return rule or ""


class NewWalletSerializer(SettingsSerializer):
    """A wallet to open; its validated data are the arguments of `open_wallet`."""

    customer = serializers.CharField(max_length=200, help_text="The customer's external ID.")
    seller = SellerField(
        help_text="Code of the seller whose purchases, usage and invoices it is for; default: the customer's seller."
    )
    unit = serializers.ChoiceField(
        [CREDITS, *CURRENCY_CODES], default=CREDITS, help_text="`credits`, or the currency of a money wallet."
    )
    currency = CurrencyField(required=False, help_text="Currency of the lots' cost. Default: the customer's.")

    rules = (
        FieldRule(
            not_both(given("pays_invoices", True), given("unit", CREDITS)),
            "pays_invoices",
            "Only a wallet that holds money can pay invoices; send its currency as unit.",
        ),
        FieldRule(needs(given("at_zero", AtZeroRule.GRACE), "grace"), "grace", "Send the overdraft limit, too."),
        FieldRule(
            not_both(given("at_zero", AtZeroRule.BLOCK, AtZeroRule.OVERAGE), given("grace")),
            "grace",
            "Only a wallet that allows an overdraft can have an overdraft limit.",
        ),
    )
