"""The features that a version grants, their prices, and the version's fees."""

from typing import ClassVar, Literal, Self

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField, MoneyField
from djmoney.settings import CURRENCY_CHOICES

from lib.currencies import CREDITS
from lib.field_types import AMOUNT, MAX_QUANTITY, MAX_SEATS, PERCENT, UNIT_PRICE, QuantityField, finite, one_of
from lib.formats import currency_name
from plans.models.meters import code, property_path
from plans.pricing import period_anchor
from plans.pricing.period_anchor import MAX_INTERVAL_UNITS
from plans.pricing.price_splits import DEFAULT_BOUND, MAX_BOUND
from plans.triggers import frozen_with_its_version


class UsageIntervalUnit(models.TextChoices):
    """Units of usage periods: those of billing periods, and hours."""

    HOUR = "hour", _("hour")
    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    QUARTER = "quarter", _("quarter")
    YEAR = "year", _("year")


class Consumption(models.TextChoices):
    HARD_CAP = "hard_cap", _("hard cap: rejects usage beyond the allowance")
    OVERAGE = "overage", _("overage: bills usage beyond the allowance")
    CREDITS = "credits", _("credits: draws usage down from a credit wallet")
    BALANCE = "balance", _("balance: draws the cost down from a money wallet")


PREPAID = (Consumption.CREDITS, Consumption.BALANCE)
"""Consumption models in which a wallet pays for usage as it arrives."""


class AtZero(models.TextChoices):
    BLOCK = "block", _("reject until topped up")
    OVERAGE = "overage", _("continue and invoice the uncovered amount")
    GRACE = "grace", _("continue with an overdraft up to a limit")


class UnlockedBy(models.TextChoices):
    """The measure that unlocks a feature at a threshold, in the current period or since the subscription began."""

    USAGE = "usage", _("usage of a feature in the period")
    USAGE_EVER = "usage_ever", _("usage of a feature since the start")
    SPEND = "spend", _("spend on usage in the period")
    SPEND_EVER = "spend_ever", _("spend on usage since the start")


class StubAllowance(models.TextChoices):
    """The allowance of a period that begins within its interval: a stub at the start, or after a pause."""

    WHOLE = "whole", _("whole")
    PRORATED = "prorated", _("prorated: its share of the interval")


class ChargeModel(models.TextChoices):
    FLAT = "flat", _("flat fee")
    PER_UNIT = "per_unit", _("per unit")
    PACKAGE = "package", _("per package")
    GRADUATED = "graduated", _("graduated: each unit at the price of its tier")
    VOLUME = "volume", _("volume: all units at the price of the reached tier")
    PERCENTAGE = "percentage", _("percentage of each event's value")
    GRADUATED_PERCENTAGE = "graduated_percentage", _("graduated percentage: each part of the value at its own")
    DYNAMIC = "dynamic", _("dynamic: the price that events carry")


TIERED = (ChargeModel.GRADUATED, ChargeModel.VOLUME, ChargeModel.GRADUATED_PERCENTAGE)
"""Charge models with tiers instead of one price."""

PRICED = (ChargeModel.FLAT, ChargeModel.PER_UNIT, ChargeModel.PACKAGE)
"""Charge models with one price."""


class PackageRounding(models.TextChoices):
    UP = "up", _("charge started packages in full")
    DOWN = "down", _("charge full packages only")


class CostSource(models.TextChoices):
    EVENT = "event", _("price of each event")
    UNIT_COST = "unit_cost", _("unit cost")


class FeeKind(models.TextChoices):
    BASE = "base", _("base fee")
    ONE_TIME = "one_time", _("one-time fee")


class Basis(models.TextChoices):
    FIXED = "fixed", _("fixed amount")
    SEAT = "seat", _("per seat")
    ADD_ON = "add_on", _("per add-on")


class BillingTiming(models.TextChoices):
    ADVANCE = "advance", _("in advance")
    ARREARS = "arrears", _("in arrears")


MAX_RECOGNITION_MONTHS = 120


class Recognition(models.TextChoices):
    """When a one-time fee is earned: docs/recognition.md#one-time-fees."""

    SERVICE = "service", _("over its service period")
    ONCE = "once", _("at once")
    MONTHS = "months", _("over several months")


@pghistory.track()
class PlanFeature(models.Model):
    """
    A version's terms for one feature: exactly one consumption model each (a unique constraint).

    included: free units per period. With `hard_cap`, further units are refused. stub_allowance: for a first, partial
        period.
    at_zero: the rule for an empty wallet. grace: the overdraft limit in that case.
    unlocked_by: the measure that unlocks the feature when it reaches `unlocked_at`: units of the feature with the
        code `unlocked_with`, or money in the subscription's currency; empty if the feature is open from the start.
    tax_code: selects the seller's tax rates for its usage; empty for the version's.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="features")
    feature = models.ForeignKey("plans.Feature", on_delete=models.PROTECT, related_name="offered_in")
    position = models.PositiveSmallIntegerField(default=0)
    consumption = models.CharField(max_length=8, choices=Consumption, default=Consumption.OVERAGE)
    included = QuantityField(default=0)
    stub_allowance = models.CharField(
        max_length=8, choices=StubAllowance, default=StubAllowance.WHOLE, db_default=StubAllowance.WHOLE
    )
    static_value = models.CharField(max_length=120, blank=True)
    at_zero = models.CharField(
        max_length=7, choices=AtZero, default=AtZero.BLOCK, help_text=_("When the wallet is empty.")
    )
    grace = models.DecimalField(**UNIT_PRICE, default=0, help_text=_("Overdraft limit, in credits or money."))

    unlocked_by = models.CharField(
        _("unlock condition"),
        max_length=10,
        choices=UnlockedBy,
        blank=True,
        db_default="",
        help_text=_("Empty: available from the start."),
    )
    unlocked_with = models.CharField(_("metric"), max_length=64, blank=True, db_default="")
    unlocked_at = models.DecimalField(_("threshold"), **UNIT_PRICE, default=0, db_default=0)
    tax_code = models.SlugField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text=_("Empty: the version's setting."),
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(unlocked_by="", unlocked_with="", unlocked_at=0)
                | Q(unlocked_by__in=("usage", "usage_ever"), unlocked_at__gt=0) & ~Q(unlocked_with="")
                | Q(unlocked_by__in=("spend", "spend_ever"), unlocked_at__gt=0, unlocked_with=""),
                name="feature_opens_by_something_that_can_be_reached",
            ),
            finite("unlocked_at", name="unlock_threshold_is_finite"),
            models.UniqueConstraint(fields=["version", "feature"], name="feature_has_one_consumption_model"),
            one_of("at_zero", AtZero, name="rule_at_zero_is_known"),
            finite("grace", name="grace_is_finite"),
            models.CheckConstraint(
                condition=Q(consumption__in=PREPAID) | Q(at_zero="block"),
                name="only_a_prepaid_feature_has_a_zero_policy",
            ),
            models.CheckConstraint(
                condition=Q(at_zero="grace", grace__gt=0) | ~Q(at_zero="grace") & Q(grace=0),
                name="grace_has_a_limit",
            ),
            one_of("consumption", Consumption, name="consumption_model_is_known"),
            finite("included", most=MAX_QUANTITY, name="included_units_are_finite"),
            one_of("stub_allowance", StubAllowance, name="allowance_of_a_stub_is_known"),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]

    def __str__(self) -> str:
        return str(self.feature)


@pghistory.track()
class Price(models.Model):
    """
    The charge for one feature in one currency: a list of rates, of which the most specific match applies.

    currency: for a feature paid with credits, `XCR` for the credits that each unit draws down, and a currency for the
        price of one credit that the wallet could not cover.
    minimum, maximum: bounds of the feature's amount in a full usage period.
    resets_every, resets_unit: the usage period, after which allowance, tiers, minimum and maximum start again; empty
        for the invoice period.
    split_by: dotted path of a property of events: one line and one ladder of tiers for each of its values; empty to
        bill all usage together.
    split_bound: number of values with lines of their own in a period; usage of further values is on one line.
    allowance_per_value: whether the allowance holds for each value, and not for all of them together.
    billed_each: amount of usage that is invoiced as soon as it is reached; 0 for all usage at once, empty for the end
        of the period.
    """

    plan_feature = models.ForeignKey("plans.PlanFeature", on_delete=models.CASCADE, related_name="prices")
    currency = CurrencyField(default=None, choices=[(CREDITS, "credits"), *CURRENCY_CHOICES])
    minimum = models.DecimalField(**AMOUNT, null=True, blank=True, help_text=_("Minimum for a full period."))
    maximum = models.DecimalField(**AMOUNT, null=True, blank=True, help_text=_("Maximum for a full period."))
    resets_unit: "models.CharField[str, period_anchor.IntervalUnit | Literal['']]" = models.CharField(
        max_length=8, choices=UsageIntervalUnit, blank=True
    )
    resets_every = models.PositiveSmallIntegerField(default=1)
    split_by = models.CharField(
        _("one line per"),
        max_length=200,
        blank=True,
        default="",
        db_default="",
        validators=[property_path],
        help_text=_("Property of events, such as api_key. Empty: one line for each rate."),
    )
    split_bound = models.PositiveSmallIntegerField(
        _("most lines"),
        default=DEFAULT_BOUND,
        db_default=DEFAULT_BOUND,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_BOUND)],
        help_text=_("Usage of further values is on one line, “other”."),
    )
    allowance_per_value = models.BooleanField(
        default=False, db_default=False, help_text=_("Each value has the allowance for itself.")
    )
    billed_each = models.DecimalField(
        _("billed in advance for each"),
        **AMOUNT,
        null=True,
        blank=True,
        help_text=_("Amount of usage. 0: at once. Empty: at the end of the period."),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan_feature", "currency"], name="feature_has_one_price_per_currency"),
            finite("minimum", name="price_minimum_is_finite"),
            finite("maximum", name="price_maximum_is_finite"),
            finite("resets_every", least=1, most=120, name="price_resets_every_1_to_120"),
            finite("billed_each", name="amount_billed_in_advance_is_finite"),
            finite("split_bound", least=1, most=MAX_BOUND, name="price_is_split_into_1_to_10000_values"),
            models.CheckConstraint(
                condition=~Q(split_by="") | Q(allowance_per_value=False, split_bound=DEFAULT_BOUND),
                name="only_a_split_price_has_values",
            ),
            models.CheckConstraint(
                condition=Q(resets_unit="") | Q(resets_unit__in=UsageIntervalUnit.values), name="price_reset_is_known"
            ),
            models.CheckConstraint(
                condition=Q(minimum__isnull=True) | Q(maximum__isnull=True) | Q(minimum__lte=F("maximum")),
                name="price_minimum_is_below_its_maximum",
            ),
        ]
        triggers = [
            frozen_with_its_version(
                version_of_row="SELECT version_id FROM plans_planfeature WHERE id = {row}.plan_feature_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan_feature} in {currency_name(self.currency)}"


@pghistory.track()
class Rate(models.Model):
    """
    The charge for usage whose dimensions match.

    match: dimension → value; empty for the default rate, which applies to usage that no other rate matches.
    unit_price, package_size: read by the charge models that need them; tiered models read their tiers.
    """

    price = models.ForeignKey("plans.Price", on_delete=models.CASCADE, related_name="rates")
    position = models.PositiveSmallIntegerField(default=0)
    label = models.CharField(max_length=120, blank=True, help_text=_("Text on the invoice line."))
    match = models.JSONField(default=dict, blank=True)
    model = models.CharField(max_length=20, choices=ChargeModel, default=ChargeModel.PER_UNIT)
    unit_price = models.DecimalField(
        **UNIT_PRICE,
        null=True,
        blank=True,
        help_text=_("Price of a unit or a package, or the fee of a flat rate."),
    )
    package_size = models.DecimalField(**UNIT_PRICE, null=True, blank=True)
    package_rounding: "models.CharField[str, Literal['up', 'down']]" = models.CharField(
        max_length=4, choices=PackageRounding, default=PackageRounding.UP
    )
    percent = models.DecimalField(
        **PERCENT, null=True, blank=True, help_text=_("Percentage of the value of each event: 2.9 is 2.9%.")
    )
    fixed_fee = models.DecimalField(**UNIT_PRICE, default=0, help_text=_("Fee for each billed event."))
    free_events = models.PositiveIntegerField(default=0, help_text=_("Number of free events in a period."))
    free_value = QuantityField(default=0, help_text=_("Free value in a period."))
    least_per_event = models.DecimalField(**UNIT_PRICE, null=True, blank=True)
    most_per_event = models.DecimalField(**UNIT_PRICE, null=True, blank=True)
    cost_source = models.CharField(max_length=10, choices=CostSource, default=CostSource.EVENT)
    markup = models.DecimalField(
        **UNIT_PRICE, default=1, help_text=_("Multiplier of the cost: 1.2 adds 20%, 1 passes it through.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["price", "match"], name="dimensions_match_one_rate"),
            one_of("model", ChargeModel, name="charge_model_is_known"),
            finite("unit_price", name="unit_price_is_finite"),
            models.CheckConstraint(
                condition=Q(package_size__isnull=True) | Q(package_size__gt=0, package_size__lte=MAX_QUANTITY),
                name="package_size_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(model__in=PRICED, unit_price__isnull=False)
                | ~Q(model__in=PRICED) & Q(unit_price__isnull=True),
                name="rate_has_a_unit_price_or_tiers",
            ),
            models.CheckConstraint(
                condition=Q(model="percentage", percent__isnull=False)
                | ~Q(model="percentage") & Q(percent__isnull=True),
                name="only_a_percentage_has_one",
            ),
            finite("percent", most=1000, name="rate_percent_is_finite"),
            finite("fixed_fee", name="fixed_fee_is_finite"),
            finite("free_events", most=1_000_000, name="free_events_are_finite"),
            finite("free_value", most=MAX_QUANTITY, name="free_value_is_finite"),
            finite("least_per_event", name="least_per_event_is_finite"),
            finite("most_per_event", name="most_per_event_is_finite"),
            finite("markup", most=1000, name="markup_is_finite"),
            one_of("package_rounding", PackageRounding, name="package_rounding_is_known"),
            one_of("cost_source", CostSource, name="cost_source_is_known"),
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
    """
    A tier of a rate: from above the previous tier up to and including `up_to`.

    percent: percentage of the value within the tier, for a graduated percentage; other models use the tier's unit
        price.
    maximum: the most that the tier costs with its fee; empty for no limit.
    """

    rate = models.ForeignKey("plans.Rate", on_delete=models.CASCADE, related_name="tiers")
    up_to = QuantityField(null=True, blank=True, help_text=_("Empty for the last tier."))
    unit_price = models.DecimalField(**UNIT_PRICE, default=0)
    percent = models.DecimalField(**PERCENT, null=True, blank=True)
    flat_fee = models.DecimalField(**UNIT_PRICE, default=0)
    maximum = models.DecimalField(**UNIT_PRICE, null=True, blank=True)

    class Meta:
        constraints = [
            finite("maximum", name="tier_maximum_is_finite"),
            finite("percent", most=1000, name="tier_percent_is_finite"),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(unit_price=0), name="tier_has_a_price_or_a_percentage"
            ),
            models.UniqueConstraint(fields=["rate", "up_to"], name="tier_bound_is_used_once", nulls_distinct=False),
            finite("unit_price", name="tier_unit_price_is_finite"),
            finite("flat_fee", name="tier_flat_fee_is_finite"),
            models.CheckConstraint(
                condition=Q(up_to__isnull=True) | Q(up_to__gt=0, up_to__lte=MAX_QUANTITY),
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
    """
    A charge independent of usage: a base fee per period or per several periods, or a one-time fee at the start.

    code: identifies the fee across versions and currencies, independent of its label.
    basis: whether the fee is fixed or due for each seat or add-on of the subscription.
    included: units that cost nothing. least, most: bounds of the quantity; a subscription begins with the least.
    every: number of periods that one charge covers: 12 for a yearly fee where usage is billed monthly.
    tax_code: selects the seller's tax rates for the fee; empty for the version's.
    recognition, recognition_months: when a one-time fee is earned; all others are earned over their service period.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="fees")
    code = models.CharField(max_length=64, default="base-fee", validators=[code])
    kind = models.CharField(max_length=10, choices=FeeKind, default=FeeKind.BASE)
    label = models.CharField(max_length=120, default="Base fee")
    currency = CurrencyField(default=None)
    amount = MoneyField(**AMOUNT, currency_field_name="currency")
    basis = models.CharField(max_length=6, choices=Basis, default=Basis.FIXED)
    included = models.PositiveIntegerField(default=0, help_text=_("Free units."))
    least = models.PositiveIntegerField(default=0, help_text=_("Minimum and initial quantity."))
    most = models.PositiveIntegerField(null=True, blank=True, help_text=_("Maximum quantity. Empty: no maximum."))
    billed = models.CharField(max_length=8, choices=BillingTiming, default=BillingTiming.ADVANCE)
    every = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        help_text=_("Number of periods that the fee covers: 12 on a monthly plan is a yearly fee."),
    )
    tax_code = models.SlugField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text=_("Empty: the version's setting."),
    )
    recognition = models.CharField(
        _("revenue recognition"),
        max_length=7,
        choices=Recognition,
        default=Recognition.SERVICE,
        db_default=Recognition.SERVICE,
        help_text=_("When a one-time fee is earned."),
    )
    recognition_months = models.PositiveSmallIntegerField(
        _("months of recognition"), null=True, blank=True, help_text=_("For recognition over several months.")
    )
    position = models.PositiveSmallIntegerField(default=0)

    # For mypy, which can't see the managers that djmoney makes for models with money.
    objects: ClassVar[models.Manager[Self]]
    _default_manager: ClassVar[models.Manager[Self]]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "code", "currency"], name="fee_is_listed_once_per_currency"),
            one_of("recognition", Recognition, name="fee_recognition_is_known"),
            models.CheckConstraint(
                condition=Q(recognition="service") | Q(kind="one_time"),
                name="only_a_one_time_fee_chooses_its_recognition",
            ),
            models.CheckConstraint(
                condition=Q(
                    recognition="months",
                    recognition_months__isnull=False,
                    recognition_months__gte=1,
                    recognition_months__lte=MAX_RECOGNITION_MONTHS,
                )
                | ~Q(recognition="months") & Q(recognition_months__isnull=True),
                name="recognition_over_months_names_1_to_120",
            ),
            models.CheckConstraint(condition=~Q(code=""), name="fee_has_a_code"),
            one_of("kind", FeeKind, name="fee_kind_is_known"),
            one_of("billed", BillingTiming, name="fee_is_billed_in_advance_or_arrears"),
            finite("amount", name="fee_is_finite"),
            one_of("basis", Basis, name="fee_basis_is_known"),
            finite("included", most=MAX_SEATS, name="included_seats_are_finite"),
            finite("least", most=MAX_SEATS, name="minimum_quantity_is_finite"),
            finite("most", least=1, most=MAX_SEATS, name="maximum_quantity_is_finite"),
            models.CheckConstraint(
                condition=Q(most__isnull=True) | Q(most__gte=F("least")),
                name="maximum_quantity_is_not_below_the_minimum",
            ),
            models.CheckConstraint(
                condition=~Q(basis="fixed") | Q(included=0, least=0, most__isnull=True),
                name="only_a_unit_fee_has_quantity_bounds",
            ),
            models.CheckConstraint(condition=~Q(basis="add_on") | Q(least=0), name="an_add_on_is_optional"),
            finite("every", least=1, most=MAX_INTERVAL_UNITS, name="fee_is_for_some_periods"),
            models.CheckConstraint(
                condition=Q(every=1) | Q(kind="base", basis="fixed"),
                name="only_a_fixed_base_fee_is_for_several_periods",
            ),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]

    def __str__(self) -> str:
        return self.label
