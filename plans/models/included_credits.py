"""Credits or money that a version grants its subscribers without a purchase."""

from typing import Literal

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import MAX_MONEY, UNIT_PRICE, finite, one_of
from plans.models.meters import code
from plans.pricing.included_credits import MAX_DAYS, MAX_ROLLOVERS, IncludedCreditRule
from plans.triggers import frozen_with_its_version

CREDITS = "credits"


class Every(models.TextChoices):
    PERIOD = "period", _("each period")
    MONTH = "month", _("each month, also in longer periods")
    ONCE = "once", _("once: when a subscription starts")


class Lasts(models.TextChoices):
    PERIOD = "period", _("until the period or month ends")
    DAYS = "days", _("for a number of days")
    EVER = "ever", _("never expire")


@pghistory.track()
class IncludedCredits(models.Model):
    """
    A grant included in a version: docs/wallets.md#included-credits.

    code: identifies the grant across versions and units.
    unit: `credits`, or a currency, for subscriptions in that currency.
    rolls_over: number of times that the remainder is extended by another period (month, number of days) instead of
        expiring.
    rollover_most: maximum amount that rolls over; empty for all.
    priority: lots with the lowest number are used first.
    features: comma-separated codes of the features that it pays for; empty for all.
    in_trial: whether it is also granted in a trial.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.CASCADE, related_name="included_credits")
    code = models.CharField(max_length=64, default="credits", validators=[code])
    unit = models.CharField(max_length=7, default=CREDITS)
    amount = models.DecimalField(**UNIT_PRICE)
    every: "models.CharField[str, Literal['period', 'month', 'once']]" = models.CharField(
        max_length=6, choices=Every, default=Every.PERIOD
    )
    lasts: "models.CharField[str, Literal['period', 'days', 'ever']]" = models.CharField(
        max_length=6, choices=Lasts, default=Lasts.PERIOD
    )
    days = models.PositiveSmallIntegerField(null=True, blank=True)
    rolls_over = models.PositiveSmallIntegerField(default=0)
    rollover_most = models.DecimalField(**UNIT_PRICE, null=True, blank=True)
    priority = models.PositiveSmallIntegerField(default=50)
    features = models.CharField(max_length=1_000, blank=True)
    in_trial = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("included credits")
        verbose_name_plural = _("included credits")
        constraints = [
            models.UniqueConstraint(fields=["version", "code", "unit"], name="included_credits_are_listed_once"),
            models.CheckConstraint(
                condition=Q(unit=CREDITS) | Q(unit__regex="^[A-Z]{3}$"), name="included_unit_is_credits_or_a_currency"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=MAX_MONEY), name="included_amount_is_positive_and_finite"
            ),
            one_of("every", Every, name="included_credits_come_at_a_known_time"),
            one_of("lasts", Lasts, name="included_credits_last_for_a_known_time"),
            models.CheckConstraint(
                condition=Q(lasts="days", days__gte=1, days__lte=MAX_DAYS, days__isnull=False)
                | ~Q(lasts="days") & Q(days__isnull=True),
                name="only_credits_that_last_for_days_have_days",
            ),
            finite("rolls_over", most=MAX_ROLLOVERS, name="included_credits_roll_over_0_to_36_times"),
            models.CheckConstraint(
                condition=Q(rolls_over=0) | ~Q(lasts="ever"), name="included_credits_that_last_do_not_roll_over"
            ),
            models.CheckConstraint(
                condition=Q(rollover_most__isnull=True)
                | Q(rolls_over__gt=0, rollover_most__gt=0, rollover_most__lte=MAX_MONEY),
                name="rollover_has_a_bound_only_where_there_is_one",
            ),
            finite("priority", most=1_000, name="included_priority_is_0_to_1000"),
        ]
        triggers = [frozen_with_its_version(version_of_row="{row}.version_id")]

    def __str__(self) -> str:
        return self.code

    @property
    def feature_codes(self) -> list[str]:
        """Codes of the features that the grant pays for; empty for all."""
        return [code.strip() for code in self.features.split(",") if code.strip()]

    @property
    def rule(self) -> IncludedCreditRule:
        """The grant as input for the pure computation of grants."""
        return IncludedCreditRule(
            amount=self.amount,
            every=self.every,
            lasts=self.lasts,
            days=self.days,
            rolls_over=self.rolls_over,
            in_trial=self.in_trial,
        )
