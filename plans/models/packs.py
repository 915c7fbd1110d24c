"""Credit packs: prepaid value as a product."""

from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from lib.field_types import MAX_MONEY, PERCENT, UNIT_PRICE, Digits, finite, one_of

PREPAID: Digits = {"max_digits": 32, "decimal_places": 12}
"""The precision of credits, and of money in a wallet."""

# MAX_PREPAID fits the 20 digits that PREPAID has before the point. Days: ten years, beyond which credits don't
# expire.
MAX_PREPAID = 10**12
MAX_DAYS = 3_650
# Ten years of monthly rollovers.
MAX_ROLLS = 120


class PackUnit(models.TextChoices):
    CREDITS = "credits", _("credits")
    MONEY = "money", _("money in the currency of the purchase")


class SlabsBy(models.TextChoices):
    UNITS = "units", _("purchased units")
    PRICE = "price", _("price before tax")


class CreditPackQuerySet(models.QuerySet["CreditPack"]):
    def on_sale(self, at: datetime) -> Self:
        return self.filter(
            Q(sold_from__isnull=True) | Q(sold_from__lte=at),
            Q(sold_until__isnull=True) | Q(sold_until__gt=at),
            archived_at__isnull=True,
        )


@pghistory.track()
class CreditPack(models.Model):
    """
    Prepaid value that customers buy. A purchase keeps the terms of its time, so a pack can be edited.

    units: content of one pack; empty if units are sold individually, from least_units to most_units at a time.
    slabs_by: whether a bonus slab is reached by units or by price.
    is_taxed: whether tax is charged on the purchase (a single-purpose voucher) or when its units are used (a
        multi-purpose voucher). includes_tax: of the latter, whether the price includes the tax on the usage.
    valid_days: lifetime of the purchased units; empty for no expiry.
    features: codes of the features that it pays for; empty for all.
    priority: as for any grant.
    rolls_over, rollover_most, rollover_days: how many times, how much and for how long the remainder is extended when
        it expires.
    sold_from, sold_until: when it is on sale, half-open.
    """

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120, help_text=_("Text on the invoice line."))
    unit = models.CharField(max_length=7, choices=PackUnit, default=PackUnit.CREDITS)
    units = models.DecimalField(**PREPAID, null=True, blank=True)
    least_units = models.DecimalField(**PREPAID, null=True, blank=True)
    most_units = models.DecimalField(**PREPAID, null=True, blank=True)
    slabs_by = models.CharField(max_length=5, choices=SlabsBy, default=SlabsBy.UNITS)
    is_taxed = models.BooleanField(default=True)
    includes_tax = models.BooleanField(default=False, db_default=False)
    valid_days = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)]
    )
    features = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    priority = models.PositiveSmallIntegerField(default=50)
    rolls_over = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(MAX_ROLLS)])
    rollover_most = models.DecimalField(**PREPAID, null=True, blank=True)
    rollover_days = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)]
    )
    sold_from = models.DateTimeField(null=True, blank=True)
    sold_until = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CreditPackQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of("unit", PackUnit, name="pack_unit_is_known"),
            one_of("slabs_by", SlabsBy, name="bonus_is_reached_by_units_or_price"),
            models.CheckConstraint(
                condition=Q(
                    units__isnull=False,
                    units__gt=0,
                    units__lte=MAX_PREPAID,
                    least_units__isnull=True,
                    most_units__isnull=True,
                )
                | Q(
                    units__isnull=True,
                    least_units__isnull=False,
                    most_units__isnull=False,
                    least_units__gt=0,
                    most_units__gte=F("least_units"),
                    most_units__lte=MAX_PREPAID,
                ),
                name="pack_holds_units_or_sells_them_one_by_one",
            ),
            models.CheckConstraint(
                condition=Q(is_taxed=False) | Q(includes_tax=False), name="only_a_multi_purpose_pack_includes_tax"
            ),
            finite("valid_days", least=1, most=MAX_DAYS, name="pack_is_valid_for_1_to_3650_days"),
            finite("rollover_most", most=MAX_PREPAID, name="rollover_of_a_pack_is_finite"),
            finite("rollover_days", least=1, most=MAX_DAYS, name="rollover_lasts_1_to_3650_days"),
            models.CheckConstraint(
                condition=Q(rolls_over=0, rollover_most__isnull=True, rollover_days__isnull=True)
                | Q(rolls_over__gte=1, rolls_over__lte=MAX_ROLLS, valid_days__isnull=False),
                name="only_a_pack_that_expires_rolls_over",
            ),
            models.CheckConstraint(
                condition=Q(sold_from__isnull=True) | Q(sold_until__isnull=True) | Q(sold_until__gt=F("sold_from")),
                name="sale_of_a_pack_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_on_sale(self, at: datetime) -> bool:
        """Return whether it can be bought at `at`."""
        return (
            self.archived_at is None
            and (self.sold_from is None or self.sold_from <= at)
            and (self.sold_until is None or at < self.sold_until)
        )


@pghistory.track()
class PackPrice(models.Model):
    """The price of a pack in one currency, before tax; the price per unit if units are sold individually."""

    pack = models.ForeignKey("plans.CreditPack", on_delete=models.PROTECT, related_name="prices", db_index=False)
    currency = CurrencyField(default="USD")
    price = models.DecimalField(**UNIT_PRICE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pack", "currency"], name="pack_has_one_price_in_a_currency"),
            models.CheckConstraint(condition=Q(price__gt=0, price__lte=MAX_MONEY), name="pack_price_is_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.pack} in {self.currency}"


@pghistory.track()
class BonusSlab(models.Model):
    """
    The bonus from a threshold on: units for each pack, and a percentage of the units bought.

    least: the threshold, in units bought or in the price paid, as the pack defines. Only the highest slab reached
        applies.
    """

    pack = models.ForeignKey("plans.CreditPack", on_delete=models.PROTECT, related_name="slabs", db_index=False)
    least = models.DecimalField(**PREPAID, default=0)
    units = models.DecimalField(**PREPAID, default=0)
    percent = models.DecimalField(**PERCENT, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pack", "least"], name="slab_begins_once"),
            finite("least", most=MAX_PREPAID, name="slab_begins_at_a_finite_number"),
            finite("units", most=MAX_PREPAID, name="bonus_units_are_finite"),
            finite("percent", most=1_000, name="bonus_is_0_to_1000_percent"),
        ]

    def __str__(self) -> str:
        return f"from {self.least.normalize():,f} on"
