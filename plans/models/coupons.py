"""Coupons, which discount a customer's invoices, and promotions, which give them to new subscriptions."""

from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import AMOUNT, MAX_MONEY, PERCENT, finite, one_of
from plans.pricing.period_anchor import MAX_INTERVAL_UNITS
from plans.triggers import redeemed_coupon_keeps_its_terms

# Ten years of months: beyond that a coupon has no end. The limit on redemptions fits a 32-bit integer column.
MAX_PERIODS = 120
MAX_REDEMPTIONS = 1_000_000_000


class Duration(models.TextChoices):
    ONCE = "once", _("once: on one invoice")
    PERIODS = "periods", _("for a number of periods")
    FOREVER = "forever", _("for the whole subscription")


class CouponQuerySet(models.QuerySet["Coupon"]):
    def redeemable(self, at: datetime) -> Self:
        """Return the coupons that can be redeemed at `at`, by their dates and their limit on redemptions."""
        return self.filter(
            Q(redeem_from__isnull=True) | Q(redeem_from__lte=at),
            Q(redeem_until__isnull=True) | Q(redeem_until__gt=at),
            Q(most_redemptions__isnull=True) | Q(most_redemptions__gt=F("redeemed")),
            archived_at__isnull=True,
        )


@pghistory.track()
class Coupon(models.Model):
    """
    A percentage or an amount off the invoices of a subscription, or of all of a customer's subscriptions;
    docs/closing.md#coupons.

    code: capitals, digits, dashes, underscores.
    duration, periods: of a subscription's invoices; of a customer's coupon periods.
    features, fees: codes of the features and fees that it discounts; everything on the invoice if both are empty.
    plans: codes of the plans whose periods it discounts; all plans if empty.
    period_months: length of a customer's coupon period.
    carries_over: whether an amount left over at the end of a customer's coupon period is added to the next one.
    most_redemptions, most_per_customer: limits on its redemptions; empty for no limit.
    redeemed: number of redemptions. It is increased by an UPDATE that checks the limit, so a race cannot exceed it.
    redeem_from, redeem_until: when it can be redeemed, half-open; redeemed coupons stay in effect after that.
    """

    code = models.CharField(max_length=64)
    name = models.CharField(max_length=120, help_text=_("Text on the invoice line."))
    percent = models.DecimalField(**PERCENT, null=True, blank=True)
    amount = models.DecimalField(**AMOUNT, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    duration = models.CharField(max_length=8, choices=Duration, default=Duration.ONCE)
    periods = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_PERIODS)]
    )
    features = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    fees = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    plans = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    period_months = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_INTERVAL_UNITS)]
    )
    carries_over = models.BooleanField(default=False)
    most_redemptions = models.PositiveIntegerField(null=True, blank=True)
    most_per_customer = models.PositiveIntegerField(null=True, blank=True)
    redeemed = models.PositiveIntegerField(default=0, editable=False)
    redeem_from = models.DateTimeField(null=True, blank=True)
    redeem_until = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CouponQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="code_names_one_coupon"),
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9_-]*$"), name="coupon_code_is_plain"),
            models.CheckConstraint(
                condition=Q(percent__isnull=False, amount__isnull=True, currency="")
                | Q(percent__isnull=True, amount__isnull=False, currency__regex="^[A-Z]{3}$"),
                name="coupon_is_a_percentage_or_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(percent__gt=0, percent__lte=100),
                name="coupon_takes_up_to_100_percent_off",
            ),
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | Q(amount__gt=0, amount__lte=MAX_MONEY),
                name="coupon_amount_is_finite",
            ),
            one_of("duration", Duration, name="coupon_duration_is_known"),
            models.CheckConstraint(
                condition=Q(duration="periods", periods__isnull=False, periods__gte=1, periods__lte=MAX_PERIODS)
                | (~Q(duration="periods") & Q(periods__isnull=True)),
                name="coupon_says_for_how_many_periods",
            ),
            finite("period_months", least=1, most=MAX_INTERVAL_UNITS, name="coupon_period_is_finite"),
            models.CheckConstraint(
                condition=Q(carries_over=False) | Q(amount__isnull=False), name="only_an_amount_carries_over"
            ),
            finite("most_redemptions", least=1, most=MAX_REDEMPTIONS, name="coupon_limit_is_finite"),
            finite("most_per_customer", least=1, most=MAX_REDEMPTIONS, name="coupon_limit_per_customer_is_finite"),
            models.CheckConstraint(
                condition=Q(redeemed__gte=0)
                & (Q(most_redemptions__isnull=True) | Q(redeemed__lte=F("most_redemptions"))),
                name="coupon_is_given_within_its_limit",
            ),
            models.CheckConstraint(
                condition=Q(redeem_from__isnull=True)
                | Q(redeem_until__isnull=True)
                | Q(redeem_until__gt=F("redeem_from")),
                name="coupon_ends_after_it_starts",
            ),
        ]
        triggers = [redeemed_coupon_keeps_its_terms()]

    def __str__(self) -> str:
        return self.code

    @property
    def documents(self) -> int | None:
        """Number of a subscription's invoices, or of a customer's coupon periods, that it discounts; None = all."""
        return {Duration.ONCE: 1, Duration.PERIODS: self.periods, Duration.FOREVER: None}[Duration(self.duration)]


@pghistory.track()
class Promotion(models.Model):
    """A coupon for every new subscription to a plan that starts in [starts_at, ends_at)."""

    coupon = models.ForeignKey("plans.Coupon", on_delete=models.PROTECT, related_name="promotions")
    plan = models.ForeignKey("plans.Plan", on_delete=models.PROTECT, related_name="promotions")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text=_("Empty: open-ended."))

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="promotion_ends_after_it_starts",
            ),
            # An application check would race with a second promotion of the same coupon; the database excludes
            # overlaps.
            ExclusionConstraint(
                name="coupon_is_promoted_once_at_a_time",
                expressions=[
                    ("coupon", RangeOperators.EQUAL),
                    ("plan", RangeOperators.EQUAL),
                    (
                        Func("starts_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon} for {self.plan}"
