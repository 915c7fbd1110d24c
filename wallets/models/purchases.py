"""Purchases of credit packs into wallets."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from lib.field_types import AMOUNT, MAX_MONEY, finite
from wallets.models.field_types import MAX_UNITS, UnitsField
from wallets.triggers import purchase_keeps_its_terms


class PurchaseState(models.TextChoices):
    PENDING = "pending", _("awaiting payment")
    GRANTED = "granted", _("granted")
    FAILED = "failed", _("payment declined")
    CANCELED = "canceled", _("canceled")


@pghistory.track()
class Purchase(models.Model):
    """
    A purchase of a pack: one invoice, and at most two lots, for its units and their bonus.

    terms: the pack as sold (wallets/purchases/pack_terms.py). quantity: packs; 1 for packs sold unit by unit.
    units, bonus: units to grant. net: price before tax.
    reference: of the request; unique per wallet. is_trusted: whether it was granted before it was paid.
    granted_at, ended_at: when its units arrived, or when it failed or was canceled; reason: of the failure or
        cancellation.
    """

    wallet = models.ForeignKey("wallets.Wallet", on_delete=models.PROTECT, related_name="purchases")
    pack = models.ForeignKey("plans.CreditPack", on_delete=models.PROTECT, related_name="+")
    terms = models.JSONField()
    quantity = models.PositiveIntegerField()
    units = UnitsField()
    bonus = UnitsField()
    net = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default=None)
    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=PurchaseState, default=PurchaseState.PENDING)
    reference = models.CharField(max_length=120)
    is_trusted = models.BooleanField(default=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    granted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [("buy_credits", "Can buy credits for customers")]
        constraints = [
            models.UniqueConstraint(fields=["wallet", "reference"], name="nothing_is_bought_twice"),
            finite("quantity", least=1, most=1_000, name="purchase_is_of_1_to_1000_packs"),
            models.CheckConstraint(condition=Q(units__gt=0, units__lte=MAX_UNITS), name="purchase_is_of_something"),
            finite("bonus", most=MAX_UNITS, name="bonus_of_a_purchase_is_finite"),
            models.CheckConstraint(condition=Q(net__gt=0, net__lte=MAX_MONEY), name="purchase_costs_something"),
            models.CheckConstraint(
                condition=Q(state="pending", granted_at__isnull=True, ended_at__isnull=True)
                | Q(state="granted", granted_at__isnull=False, ended_at__isnull=True)
                | Q(state__in=["failed", "canceled"], granted_at__isnull=True, ended_at__isnull=False),
                name="purchase_is_granted_or_came_to_nothing",
            ),
        ]
        indexes = [
            models.Index(fields=["invoice"], condition=Q(state="pending"), name="purchase_that_is_pending"),
        ]
        triggers = [purchase_keeps_its_terms()]

    def __str__(self) -> str:
        return f"{self.terms['name']} for {self.wallet}"
