"""What a version grants of each feature, and what it charges."""

import pghistory
from django.db import models
from django.db.models import Q
from djmoney.models.fields import CurrencyField, MoneyField

from plans.bounds import AMOUNT, MOST_UNITS, UNIT_PRICE, QuantityField, finite, one_of
from plans.freezing import frozen_with_its_version


class Consumption(models.TextChoices):
    HARD_CAP = "hard_cap", "hard cap: refused beyond what is included"
    OVERAGE = "overage", "overage: billed beyond what is included"
    CREDITS = "credits", "credits: each use burns credits from the wallet"
    BALANCE = "balance", "balance: each use is paid from the wallet"


class ChargeModel(models.TextChoices):
    FLAT = "flat", "flat fee"
    PER_UNIT = "per_unit", "per unit"
    PACKAGE = "package", "per package"
    GRADUATED = "graduated", "graduated: each unit at its own tier's price"
    VOLUME = "volume", "volume: all units at the reached tier's price"


class FeeKind(models.TextChoices):
    BASE = "base", "base fee"
    ONE_TIME = "one_time", "one-time fee"


class Billed(models.TextChoices):
    ADVANCE = "advance", "in advance"
    ARREARS = "arrears", "in arrears"


@pghistory.track()
class PlanFeature(models.Model):
    """
    What a version grants of one feature: exactly one consumption model each (a unique constraint).

    included: units per period that cost nothing. For `hard_cap` they are all there is.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="features")
    feature = models.ForeignKey("plans.Feature", on_delete=models.PROTECT, related_name="offered_in")
    position = models.PositiveSmallIntegerField(default=0)
    consumption = models.CharField(max_length=8, choices=Consumption, default=Consumption.OVERAGE)
    included = QuantityField(default=0)
    static_value = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "feature"], name="feature_has_one_consumption_model"),
            one_of("consumption", Consumption, name="consumption_model_is_known"),
            finite("included", most=MOST_UNITS, name="included_units_are_finite"),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]

    def __str__(self) -> str:
        return str(self.feature)


@pghistory.track()
class Price(models.Model):
    """How one feature is charged in one currency: a list of rates, of which the most specific match applies."""

    plan_feature = models.ForeignKey("plans.PlanFeature", on_delete=models.CASCADE, related_name="prices")
    currency = CurrencyField(default=None)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan_feature", "currency"], name="feature_has_one_price_per_currency")
        ]
        triggers = [
            frozen_with_its_version(
                version_of_row="SELECT version_id FROM plans_planfeature WHERE id = {row}.plan_feature_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan_feature} in {self.currency}"


@pghistory.track()
class Rate(models.Model):
    """
    One way of charging, for usage whose dimensions match.

    match: dimension → value; empty for the default rate, which takes what nothing else matches.
    unit_price, package_size: read by the charge models that need them; tiered models read their tiers.
    """

    price = models.ForeignKey("plans.Price", on_delete=models.CASCADE, related_name="rates")
    position = models.PositiveSmallIntegerField(default=0)
    label = models.CharField(max_length=120, blank=True, help_text="How the invoice line reads.")
    match = models.JSONField(default=dict, blank=True)
    model = models.CharField(max_length=20, choices=ChargeModel, default=ChargeModel.PER_UNIT)
    unit_price = models.DecimalField(
        **UNIT_PRICE,
        null=True,
        blank=True,
        help_text="Per unit, per package of the size beside it, or the fee of a flat rate.",
    )
    package_size = models.DecimalField(**UNIT_PRICE, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["price", "match"], name="dimensions_match_one_rate"),
            one_of("model", ChargeModel, name="charge_model_is_known"),
            finite("unit_price", name="unit_price_is_finite"),
            models.CheckConstraint(
                condition=Q(package_size__isnull=True) | Q(package_size__gt=0, package_size__lte=MOST_UNITS),
                name="package_size_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(model__in=["graduated", "volume"], unit_price__isnull=True)
                | (~Q(model__in=["graduated", "volume"]) & Q(unit_price__isnull=False)),
                name="rate_has_a_unit_price_or_tiers",
            ),
            models.CheckConstraint(
                condition=Q(model="package", package_size__isnull=False)
                | (~Q(model="package") & Q(package_size__isnull=True)),
                name="only_a_package_has_a_size",
            ),
        ]
        triggers = [
            frozen_with_its_version(
                version_of_row="SELECT pf.version_id FROM plans_price p JOIN plans_planfeature pf"
                " ON pf.id = p.plan_feature_id WHERE p.id = {row}.price_id"
            )
        ]

    def __str__(self) -> str:
        return self.label or ", ".join(f"{name} {value}" for name, value in self.match.items()) or "default"


@pghistory.track()
class Tier(models.Model):
    """A step of a graduated or volume rate: above the tier before it, up to and including `up_to`."""

    rate = models.ForeignKey("plans.Rate", on_delete=models.CASCADE, related_name="tiers")
    up_to = QuantityField(null=True, blank=True, help_text="Empty for the last tier.")
    unit_price = models.DecimalField(**UNIT_PRICE, default=0)
    flat_fee = models.DecimalField(**UNIT_PRICE, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rate", "up_to"], name="tier_bound_is_used_once", nulls_distinct=False),
            finite("unit_price", name="tier_unit_price_is_finite"),
            finite("flat_fee", name="tier_flat_fee_is_finite"),
            models.CheckConstraint(
                condition=Q(up_to__isnull=True) | Q(up_to__gt=0, up_to__lte=MOST_UNITS),
                name="tier_bound_is_positive",
            ),
        ]
        triggers = [
            frozen_with_its_version(
                version_of_row="SELECT pf.version_id FROM plans_rate r JOIN plans_price p ON p.id = r.price_id"
                " JOIN plans_planfeature pf ON pf.id = p.plan_feature_id WHERE r.id = {row}.rate_id"
            )
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to:,f}" if self.up_to is not None else "beyond"


@pghistory.track()
class Fee(models.Model):
    """A charge that no meter drives: the base fee of each period, or a fee once at the start."""

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="fees")
    kind = models.CharField(max_length=10, choices=FeeKind, default=FeeKind.BASE)
    label = models.CharField(max_length=120, default="Base fee")
    currency = CurrencyField(default=None)
    amount = MoneyField(**AMOUNT, currency_field_name="currency")
    billed = models.CharField(max_length=8, choices=Billed, default=Billed.ADVANCE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "label", "currency"], name="fee_is_listed_once_per_currency"),
            one_of("kind", FeeKind, name="fee_kind_is_known"),
            one_of("billed", Billed, name="fee_is_billed_in_advance_or_arrears"),
            finite("amount", name="fee_is_finite"),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]

    def __str__(self) -> str:
        return self.label
