"""Commitments: the minimum that a customer commits to, and the discount in return."""

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from djmoney.models.fields import CurrencyField

from lib.decimals import ZERO
from lib.field_types import AMOUNT, MAX_QUANTITY, PERCENT, QuantityField, finite
from plans.pricing import commitments
from plans.pricing.commitments import MAX_FACTOR, MAX_PERIODS
from plans.triggers import frozen_with_its_version


class CommitmentTerms(models.Model):
    """
    The figures of a commitment, of a version or of a single subscription.

    minimum: guaranteed spend on usage, in each period or over a contract of several; empty for a commitment in units.
    feature: code of the only feature whose usage counts; empty if all usage does.
    units: guaranteed units of that feature, worth their price; empty for a commitment in money.
    per_window: whether each usage window of the feature's price has the minimum, instead of the period.
    periods: number of invoice periods that the minimum covers.
    overage_factor: multiplies the price of usage above the minimum.
    discount: percent off unit prices in return.
    trues_up: whether the missing part is billed at the end; if not, the minimum only marks where the factor begins to
        apply.
    """

    currency = CurrencyField(default=None)
    minimum = models.DecimalField(**AMOUNT, null=True, blank=True)
    feature = models.CharField(max_length=64, blank=True, default="", db_default="")
    units = QuantityField(null=True, blank=True)
    per_window = models.BooleanField(default=False, db_default=False)
    periods = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_PERIODS)]
    )
    overage_factor = models.DecimalField(max_digits=7, decimal_places=4, default=1)
    discount = models.DecimalField(**PERCENT, default=0)
    trues_up = models.BooleanField(default=True)

    class Meta:
        abstract = True
        constraints = [
            finite("minimum", name="%(class)s_minimum_is_finite"),
            models.CheckConstraint(
                condition=Q(minimum__isnull=False, units__isnull=True)
                | Q(minimum__isnull=True, units__isnull=False, units__gt=0, units__lte=MAX_QUANTITY) & ~Q(feature=""),
                name="%(class)s_is_in_money_or_in_units_of_a_feature",
            ),
            models.CheckConstraint(
                condition=Q(per_window=False) | Q(periods=1) & ~Q(feature=""),
                name="%(class)s_per_window_has_a_feature_and_one_period",
            ),
            finite("periods", least=1, most=MAX_PERIODS, name="%(class)s_lasts_1_to_120_periods"),
            finite("overage_factor", most=MAX_FACTOR, name="%(class)s_factor_is_0_to_100"),
            finite("discount", most=100, name="%(class)s_discount_is_0_to_100_percent"),
        ]

    def __str__(self) -> str:
        return "minimum commitment"

    @property
    def terms(self) -> commitments.SpendCommitment:
        """
        The commitment as input for its settlement; if it is in units, without their worth.

        :raises InvalidCharge: if a figure is out of bounds, in finance's words.
        """
        return commitments.SpendCommitment(
            minimum=ZERO if self.minimum is None else self.minimum,
            overage_factor=self.overage_factor,
            discount=self.discount,
            trues_up=self.trues_up,
            periods=self.periods,
            feature=self.feature,
            units=self.units,
            per_window=self.per_window,
        )


@pghistory.track()
class Commitment(CommitmentTerms):
    """The commitment of every subscription to a version, in one currency; docs/closing.md#commitments."""

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="commitments")

    class Meta(CommitmentTerms.Meta):
        abstract = False
        constraints = [
            *CommitmentTerms.Meta.constraints,
            models.UniqueConstraint(fields=["version", "currency"], name="version_has_one_commitment_per_currency"),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]
