"""The ledger: movements of wallets, and their entries by account and lot."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of
from lib.triggers import append_only
from wallets.models.field_types import MAX_UNITS, UnitsField
from wallets.triggers import entries_balance


class Movement(models.TextChoices):
    GRANT = "grant", _("granted")
    SPEND = "spend", _("used")
    GIVE_BACK = "give_back", _("credit for corrected usage")
    EXPIRE = "expire", _("expired")
    REVIVE = "revive", _("restored for earlier usage")
    ROLL_OVER = "roll_over", _("rolled over")
    REPAY = "repay", _("overdraft repaid")
    VOID = "void", _("void")
    REFUND = "refund", _("refunded")
    PAY = "pay", _("paid an invoice")
    TRANSFER_OUT = "transfer_out", _("transferred to another wallet")
    TRANSFER_IN = "transfer_in", _("transferred from another wallet")


class Account(models.TextChoices):
    """The accounts of a wallet's ledger; each wallet has its own."""

    WALLET = "wallet", _("the customer's wallet")
    WORLD = "world", _("external")
    EARNED = "earned", _("earned revenue")
    BREAKAGE = "breakage", _("breakage")
    PROMOTIONAL = "promotional", _("promotional contra-revenue")


class Transaction(models.Model):
    """
    One movement of a wallet, whose entries sum to zero in units and in money. Append-only.

    reference: unique in the wallet, so that nothing moves twice. digest: of the request; it distinguishes a repeat
        from a conflict.
    units: the change of the wallet's balance. uncovered: units requested that were neither taken from a lot nor owed.
        balance_after: of the wallet.
    seal: of its content and the seal of the wallet's previous transaction (wallets/ledger/hash_chain.py).
    at: when it was recorded. used_at: time of the use it pays for. feature, draw: the feature used, and the drawdown.
    """

    wallet = models.ForeignKey(
        "wallets.Wallet", on_delete=models.PROTECT, related_name="transactions", db_index=False
    )
    kind = models.CharField(max_length=12, choices=Movement)
    reference = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    feature = models.ForeignKey(
        "plans.Feature", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    draw = models.BigIntegerField(null=True)
    units = UnitsField()
    uncovered = UnitsField(default=0)
    balance_after = UnitsField()
    seal = models.CharField(max_length=64)
    reason = models.CharField(max_length=300, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            one_of("kind", Movement, name="movement_is_known"),
            models.UniqueConstraint(fields=["wallet", "reference"], name="transaction_reference_counts_once"),
            finite("units", least=-MAX_UNITS, most=MAX_UNITS, name="movement_is_finite"),
            finite("uncovered", most=MAX_UNITS, name="uncovered_is_finite"),
            finite("balance_after", least=-MAX_UNITS, most=MAX_UNITS, name="balance_after_is_finite"),
        ]
        indexes = [
            models.Index(fields=["draw", "id"], condition=Q(draw__isnull=False), name="transaction_by_drawdown"),
            models.Index(fields=["wallet", "at", "id"], name="transaction_by_time"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.units.normalize():+,f}"


class Entry(models.Model):
    """
    One side of a transaction. Append-only.

    units, money: the account's gain; money is the cost basis of the units, net of tax.
    lot: the lot of the units; empty for the wallet's debt, and for other accounts.
    place, balance_after: of the wallet's own entries, numbered in order and without gaps.
    """

    transaction = models.ForeignKey(
        "wallets.Transaction", on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    wallet = models.ForeignKey("wallets.Wallet", on_delete=models.PROTECT, related_name="+", db_index=False)
    account = models.CharField(max_length=11, choices=Account)
    lot = models.ForeignKey("wallets.Lot", on_delete=models.PROTECT, null=True, related_name="entries")
    units = UnitsField()
    money = UnitsField()
    place = models.PositiveBigIntegerField(null=True)
    balance_after = UnitsField(null=True)

    class Meta:
        constraints = [
            one_of("account", Account, name="account_is_known"),
            finite("units", least=-MAX_UNITS, most=MAX_UNITS, name="entry_units_are_finite"),
            finite("money", least=-MAX_UNITS, most=MAX_UNITS, name="entry_money_is_finite"),
            finite("balance_after", least=-MAX_UNITS, most=MAX_UNITS, name="entry_balance_is_finite"),
            models.CheckConstraint(
                condition=Q(account="wallet", place__gte=1, balance_after__isnull=False)
                | ~Q(account="wallet") & Q(place__isnull=True, balance_after__isnull=True, lot__isnull=True),
                name="entries_of_the_wallet_have_a_place",
            ),
            models.UniqueConstraint(fields=["wallet", "place"], name="place_is_taken_once"),
        ]
        indexes = [models.Index(fields=["transaction"], name="entry_of_transaction")]
        triggers = [append_only(), entries_balance()]

    def __str__(self) -> str:
        return f"{self.get_account_display()}: {self.units.normalize():+,f}"
