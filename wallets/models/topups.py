"""Automatic top-ups of wallets: rules, ceilings and top-ups."""

from datetime import timedelta

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from lib.field_types import AMOUNT, MAX_MONEY, PERCENT, finite, one_of
from wallets.models.field_types import MAX_UNITS, UnitsField

MAX_DECLINES = 100
MAX_PERCENT = 1_000
MAX_TOPUPS = 10_000


class Payer(models.TextChoices):
    """The payer of a top-up."""

    INVOICE = "invoice", _("invoice to the customer")
    CARD = "card", _("customer's card")
    SANDBOX = "sandbox", _("sandbox: paid immediately")
    DECLINING = "declining", _("sandbox: every payment is declined")


class TopUpBasis(models.TextChoices):
    """The balance that a rule compares with its threshold."""

    BALANCE = "balance", _("balance")
    ONGOING = "ongoing_balance", _("ongoing balance: less everything used and not paid yet")


@pghistory.track()
class TopUpRule(models.Model):
    """
    When a wallet is topped up automatically, and by how much.

    threshold: a balance strictly below it is topped up; in units, or percent of the pack. target: fill up to this
        many units; one pack if empty. basis: the balance that both are compared with.
    cooldown: minimum time between two top-ups.
    most_declines: declined payments in a row after which it is switched off; declines: the count so far.
    is_on, off_reason: whether it is active, and why it was switched off. quiet_until: the earliest time of the next
        check, because a ceiling or the cooldown applies until then.
    """

    wallet = models.OneToOneField("wallets.Wallet", on_delete=models.PROTECT, related_name="topup_rule")
    is_on = models.BooleanField(default=True)
    threshold = UnitsField(null=True, blank=True)
    percent = models.DecimalField(**PERCENT, null=True, blank=True)
    pack = models.ForeignKey("plans.CreditPack", on_delete=models.PROTECT, related_name="+")
    target = UnitsField(null=True, blank=True)
    basis = models.CharField(
        max_length=15, choices=TopUpBasis, default=TopUpBasis.BALANCE, db_default=TopUpBasis.BALANCE
    )
    payer = models.CharField(max_length=9, choices=Payer, default=Payer.INVOICE)
    cooldown = models.DurationField(default=timedelta(0))
    most_declines = models.PositiveSmallIntegerField(default=3)
    declines = models.PositiveSmallIntegerField(default=0)
    off_reason = models.CharField(max_length=300, blank=True)
    quiet_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold__isnull=False, threshold__gte=0, threshold__lte=MAX_UNITS, percent__isnull=True)
                | Q(threshold__isnull=True, percent__isnull=False, percent__gt=0, percent__lte=MAX_PERCENT),
                name="topup_threshold_is_units_or_a_percentage",
            ),
            finite("target", most=MAX_UNITS, name="topup_target_is_finite"),
            one_of("basis", TopUpBasis, name="topup_basis_is_known"),
            one_of("payer", Payer, name="topup_payer_is_known"),
            models.CheckConstraint(
                condition=Q(cooldown__gte=timedelta(0), cooldown__lte=timedelta(days=366)),
                name="topup_cooldown_is_a_year_at_most",
            ),
            models.CheckConstraint(
                condition=Q(most_declines__gte=1, most_declines__lte=MAX_DECLINES, declines__gte=0),
                name="topup_declines_are_1_to_100",
            ),
        ]
        indexes = [models.Index(fields=["wallet"], condition=Q(is_on=True), name="topup_rule_that_is_on")]

    def __str__(self) -> str:
        return f"top-up of {self.wallet}"


class CeilingSetter(models.TextChoices):
    FINANCE = "finance", _("finance")
    CUSTOMER = "customer", _("the customer")


class CeilingSpan(models.TextChoices):
    DAY = "day", _("per day")
    MONTH = "month", _("per month")


@pghistory.track()
class TopUpCeiling(models.Model):
    """
    A limit on automatic top-ups per day or month of the customer's calendar.

    most: number of top-ups. most_money: their price with tax. set_by: the customer's own applies in addition to
        finance's, and is never above it.
    """

    rule = models.ForeignKey("wallets.TopUpRule", on_delete=models.CASCADE, related_name="ceilings", db_index=False)
    set_by = models.CharField(max_length=8, choices=CeilingSetter)
    span = models.CharField(max_length=5, choices=CeilingSpan)
    most = models.PositiveIntegerField(null=True, blank=True)
    most_money = models.DecimalField(**AMOUNT, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "set_by", "span"], name="ceiling_is_set_once_by_each"),
            one_of("set_by", CeilingSetter, name="ceiling_setter_is_known"),
            one_of("span", CeilingSpan, name="ceiling_span_is_known"),
            finite("most", most=MAX_TOPUPS, name="topups_are_10000_at_most"),
            finite("most_money", name="money_of_topups_is_finite"),
            models.CheckConstraint(
                condition=Q(most__isnull=False) | Q(most_money__isnull=False), name="ceiling_limits_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_set_by_display()}, {self.get_span_display()}"


class TopUpState(models.TextChoices):
    PENDING = "pending", _("awaiting payment")
    PAID = "paid", _("paid")
    DECLINED = "declined", _("declined")
    CANCELED = "canceled", _("canceled")


@pghistory.track()
class TopUp(models.Model):
    """
    An automatic top-up; at most one per wallet is pending.

    balance: the balance that was below the threshold. amount: price with tax.
    state: paid once the units have arrived, on trust as well. reason: of a decline or cancellation.
    """

    wallet = models.ForeignKey("wallets.Wallet", on_delete=models.PROTECT, related_name="topups", db_index=False)
    purchase = models.OneToOneField("wallets.Purchase", on_delete=models.PROTECT, related_name="topup")
    balance = UnitsField()
    amount = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default=None)
    state = models.CharField(max_length=9, choices=TopUpState, default=TopUpState.PENDING)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["wallet"], condition=Q(state="pending"), name="one_topup_of_a_wallet_is_pending"
            ),
            finite("balance", least=-MAX_UNITS, most=MAX_UNITS, name="balance_before_a_topup_is_finite"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MAX_MONEY), name="topup_costs_something"),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | Q(state__in=["paid", "declined", "canceled"], settled_at__isnull=False),
                name="topup_is_pending_or_settled",
            ),
        ]
        indexes = [models.Index(fields=["wallet", "created_at"], name="topup_by_time")]

    def __str__(self) -> str:
        return f"top-up of {self.wallet}: {self.get_state_display()}"
