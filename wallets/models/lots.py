"""Lots: grants of prepaid value, each on one set of terms."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of
from wallets.models.field_types import MAX_UNITS, UnitsField
from wallets.triggers import lot_keeps_its_granted_terms


class LotKind(models.TextChoices):
    PURCHASED = "purchased", _("purchased")
    PROMOTIONAL = "promotional", _("promotional")
    INCLUDED = "included", _("included in the plan")
    BONUS = "bonus", _("bonus")
    ROLLOVER = "rollover", _("rolled over")
    REFUND = "refund", _("refund")


class TaxPoint(models.TextChoices):
    """When the consideration paid for a lot is taxed: docs/tax.md#vouchers."""

    SOLD = "sold", _("when sold, or never if it was free")
    USED = "used", _("when used")
    INCLUDED = "included", _("when used; the price includes the tax")


PAID = (LotKind.PURCHASED, LotKind.BONUS, LotKind.REFUND)
"""Kinds that count as paid, a bonus by its share of the price; a rolled-over lot keeps the status of its origin."""


def _above_zero(field: str) -> models.GeneratedField:
    """
    Return a generated column that says whether another column is above zero.

    For partial indexes: an index on the figure itself would be rewritten for every movement, although it holds the
    same rows as before.
    """
    above = models.ExpressionWrapper(Q(**{f"{field}__gt": 0}), output_field=models.BooleanField())
    return models.GeneratedField(expression=above, output_field=models.BooleanField(), db_persist=True)


@pghistory.track(exclude=["remaining", "held", "expired", "has_left", "has_expired"])
class Lot(models.Model):
    """
    A grant. Its remaining units move with the ledger; its terms don't change, except that the expiry may be extended.

    amount: units granted. remaining: units not spent, expired or voided. held: the part of them held for
        reservations.
    expired: units gone to breakage. cost: paid for the whole lot, net of tax, in the wallet's currency.
    tax_point: when its cost is taxed; a cost that includes its tax does so until the units are used.
    is_paid: whether it counts as paid rather than promotional. valid_from, expires_at: half-open.
    features: ids of the features it is for; all if empty.
    rolls_over: how often the rest rolls over into a new lot; rollover_most: the most units; rollover_days: the
        duration of the new lot, the same as this one's if empty. rollover_ends: the ends of the new lots, instead.
    origin: the lot that it rolled over or was transferred from.
    source: the reason for the grant, such as a purchase or a period; unique in the wallet.
    """

    wallet = models.ForeignKey("wallets.Wallet", on_delete=models.PROTECT, related_name="lots", db_index=False)
    kind = models.CharField(max_length=11, choices=LotKind)
    amount = UnitsField()
    remaining = UnitsField()
    held = UnitsField(default=0, db_default=0)
    expired = UnitsField(default=0, db_default=0)
    has_left = _above_zero("remaining")
    has_expired = _above_zero("expired")
    cost = UnitsField(default=0)
    tax_point = models.CharField(max_length=8, choices=TaxPoint, default=TaxPoint.SOLD, db_default=TaxPoint.SOLD)
    is_paid = models.BooleanField()
    priority = models.PositiveSmallIntegerField(default=50)
    valid_from = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    features = ArrayField(models.BigIntegerField(), default=list, blank=True)
    rolls_over = models.PositiveSmallIntegerField(default=0)
    rollover_most = UnitsField(null=True, blank=True)
    rollover_days = models.PositiveSmallIntegerField(null=True, blank=True)
    rollover_ends = ArrayField(models.DateTimeField(), default=list, blank=True, db_default=[])
    origin = models.ForeignKey("wallets.Lot", on_delete=models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField()
    source = models.CharField(max_length=120)

    class Meta:
        constraints = [
            one_of("kind", LotKind, name="lot_kind_is_known"),
            one_of("tax_point", TaxPoint, name="lot_tax_point_is_known"),
            models.UniqueConstraint(fields=["wallet", "source"], name="nothing_is_granted_twice"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MAX_UNITS), name="lot_grants_something"),
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("amount")), name="lot_is_never_overdrawn"
            ),
            models.CheckConstraint(
                condition=Q(held__gte=0, held__lte=F("remaining")), name="reserved_amount_is_within_the_lot"
            ),
            models.CheckConstraint(
                condition=Q(expired__gte=0, expired__lte=F("amount") - F("remaining")),
                name="units_that_expired_no_longer_remain",
            ),
            finite("cost", most=MAX_UNITS, name="lot_cost_is_finite"),
            finite("rollover_most", most=MAX_UNITS, name="rollover_is_finite"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("valid_from")),
                name="lot_expires_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(rolls_over=0) | Q(expires_at__isnull=False), name="only_an_expiring_lot_rolls_over"
            ),
        ]
        indexes = [
            models.Index(fields=["wallet"], condition=Q(has_left=True), name="lot_with_something_left"),
            models.Index(fields=["expires_at"], condition=Q(has_left=True), name="lot_by_expiry"),
            models.Index(fields=["wallet"], condition=~Q(tax_point="sold"), name="lot_that_is_taxed_when_used"),
            models.Index(
                fields=["wallet", "expires_at"], condition=Q(has_expired=True), name="lot_that_may_come_back"
            ),
        ]
        triggers = [lot_keeps_its_granted_terms()]
        permissions = [
            ("refund_lot", "Can refund credits"),
            ("void_lot", "Can void credits"),
            ("extend_lot", "Can extend credits"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.amount.normalize():,f}"
