"""Wallets: prepaid value of customers."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from customers.models.field_types import CustomersSellerField
from lib.field_types import finite
from wallets.models.field_types import MAX_UNITS, UnitsField
from wallets.triggers import balance_is_the_sum_of_its_lots, keep_seller_of_transactions

CREDITS = "credits"


class AtZeroRule(models.TextChoices):
    """The wallet's own policy at zero, if it has one."""

    AS_PLANNED = "", _("plan setting")
    BLOCK = "block", _("reject")
    OVERAGE = "overage", _("continue and invoice")
    GRACE = "grace", _("continue with an overdraft up to a limit")


@pghistory.track(exclude=["balance", "debt", "debt_held", "debt_limit", "moves", "seal"])
class Wallet(models.Model):
    """
    Prepaid value of one customer: credits, or money of one currency.

    seller: the seller of its purchases, whose usage and invoices alone it pays; by default the customer's. It is
        fixed once there is a transaction or a purchase.
    unit: `credits`, or the currency. currency: in which lots are paid. priority: the lowest is taken first.
    is_trusted: whether units arrive before the invoice of their purchase is paid.
    at_zero, grace: the wallet's own policy at zero and overdraft limit, in place of the plan's.
    balance: the sum of its entries; negative while it is in debt. debt: repaid by the next lot.
    debt_held: overdraft reserved by holds. debt_limit: the highest overdraft limit it ever had.
    moves: number of its entries, which is also the place of the last one. seal: of its last transaction.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="wallets")
    seller = CustomersSellerField(related_name="wallets", blank=True)
    name = models.CharField(max_length=80, default="Wallet")
    unit = models.CharField(max_length=7, default=CREDITS)
    currency = CurrencyField(default="USD")
    priority = models.PositiveSmallIntegerField(default=50)
    at_zero = models.CharField(max_length=7, choices=AtZeroRule, blank=True, default=AtZeroRule.AS_PLANNED)
    grace = UnitsField(null=True, blank=True, help_text=_("Overdraft limit. Empty: the plan's limit."))
    promotional_first = models.BooleanField(default=True, help_text=_("Use free credits before purchased ones."))
    is_trusted = models.BooleanField(
        default=False, db_default=False, help_text=_("Grant purchased credits before payment.")
    )
    pays_invoices = models.BooleanField(default=False, help_text=_("Allow this money wallet to pay issued invoices."))
    balance = UnitsField(default=0, editable=False)
    debt = UnitsField(default=0, editable=False)
    debt_held = UnitsField(default=0, editable=False)
    debt_limit = UnitsField(default=0, editable=False)
    moves = models.PositiveBigIntegerField(default=0, editable=False)
    seal = models.CharField(max_length=64, blank=True, default="", editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "name"], name="wallet_name_is_used_once"),
            models.CheckConstraint(
                condition=Q(unit=CREDITS) | Q(unit=F("currency")), name="wallet_holds_credits_or_its_currency"
            ),
            models.CheckConstraint(condition=Q(at_zero__in=AtZeroRule.values), name="wallet_zero_rule_is_known"),
            models.CheckConstraint(
                condition=Q(pays_invoices=False) | Q(unit=F("currency")), name="only_money_pays_invoices"
            ),
            finite("grace", most=MAX_UNITS, name="wallet_grace_is_finite"),
            finite("balance", least=-MAX_UNITS, most=MAX_UNITS, name="wallet_balance_is_finite"),
            finite("debt_limit", most=MAX_UNITS, name="wallet_debt_limit_is_finite"),
            models.CheckConstraint(
                condition=Q(debt__gte=0, debt_held__gte=0, debt__lte=F("debt_limit") - F("debt_held")),
                name="wallet_is_never_overdrawn",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(balance=0), name="a_closed_wallet_is_empty"
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(debt__gt=0), name="wallet_that_owes")]
        triggers = [balance_is_the_sum_of_its_lots(), keep_seller_of_transactions()]
        permissions = [
            ("grant_credits", "Can grant wallet credits"),
            ("transfer_credits", "Can transfer between wallets"),
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.name}"
