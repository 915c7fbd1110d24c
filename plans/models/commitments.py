"""Spend commitments: the minimum that a customer commits to, and the discount in return."""

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from djmoney.models.fields import CurrencyField

from lib.field_types import AMOUNT, PERCENT, finite
from plans.pricing import commitments
from plans.pricing.commitments import MAX_FACTOR, MAX_PERIODS
from plans.triggers import frozen_with_its_version


class CommitmentTerms(models.Model):
    """
    The figures of a commitment, of a version or of a single subscription.

    minimum: guaranteed spend on usage, in each period or over a contract of several.
    periods: number of invoice periods that the minimum covers.
    overage_factor: multiplies the price of usage above the minimum.
    discount: percent off unit prices in return.
    trues_up: whether the missing part is billed at the end; if not, the minimum only marks where the factor begins to
        apply.
    """

    currency = CurrencyField(default=None)
    minimum = models.DecimalField(**AMOUNT)
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
            finite("periods", least=1, most=MAX_PERIODS, name="%(class)s_lasts_1_to_120_periods"),
            finite("overage_factor", most=MAX_FACTOR, name="%(class)s_factor_is_0_to_100"),
            finite("discount", most=100, name="%(class)s_discount_is_0_to_100_percent"),
        ]

    def __str__(self) -> str:
        return "minimum commitment"

    @property
    def terms(self) -> commitments.SpendCommitment:
        """
        The commitment as input for its settlement.

        :raises InvalidCharge: if a figure is out of bounds, in finance's words.
        """
        return commitments.SpendCommitment(
            minimum=self.minimum,
            overage_factor=self.overage_factor,
            discount=self.discount,
            trues_up=self.trues_up,
            periods=self.periods,
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
