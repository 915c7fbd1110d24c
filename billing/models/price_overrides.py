"""Overrides and spend caps: terms that apply to one customer."""

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from billing.triggers import protect_billed_periods
from lib.field_types import AMOUNT, MAX_MONEY, MAX_QUANTITY, QuantityField, finite, one_of


class OverrideFigure(models.TextChoices):
    INCLUDED = "included", _("included units or hard cap")
    PRICE = "price", _("price of a rate")
    PERCENT = "percent", _("percentage on all prices")
    MINIMUM = "minimum", _("minimum")
    MAXIMUM = "maximum", _("maximum")


@pghistory.track()
class Override(models.Model):
    """
    One figure of a feature that a subscription has of its own, instead of its version's.

    value: units, a price or an amount in the subscription's currency, or a percentage: -20 is 20% off.
    match: of the rate whose price it is, as in `plans.Rate`; empty for the default rate and for all other figures.
    starts_at, ends_at: half-open; a usage window is rated as a whole by the override in force when it started. An
        override that ends when it starts was withdrawn.
    """

    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="overrides")
    feature = models.ForeignKey("plans.Feature", on_delete=models.PROTECT, related_name="+")
    figure = models.CharField(max_length=8, choices=OverrideFigure)
    match = models.JSONField(default=dict, blank=True)
    value = QuantityField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            one_of("figure", OverrideFigure, name="overridden_figure_is_known"),
            models.CheckConstraint(
                condition=Q(figure="included", value__gte=0, value__lte=MAX_QUANTITY)
                | Q(figure="percent", value__gte=-100, value__lte=1000)
                | Q(figure__in=["price", "minimum", "maximum"], value__gte=0, value__lte=MAX_MONEY),
                name="override_is_within_its_bounds",
            ),
            models.CheckConstraint(condition=Q(figure="price") | Q(match={}), name="only_a_price_is_of_a_rate"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="override_ends_after_it_starts",
            ),
            ExclusionConstraint(
                name="figure_is_overridden_once_at_a_time",
                expressions=[
                    ("subscription", RangeOperators.EQUAL),
                    ("feature", RangeOperators.EQUAL),
                    ("figure", RangeOperators.EQUAL),
                    (Cast("match", models.TextField()), RangeOperators.EQUAL),
                    (
                        Func("starts_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]
        triggers = [protect_billed_periods()]

    def __str__(self) -> str:
        return f"{self.feature}: {self.get_figure_display()}"


class CapAction(models.TextChoices):
    NOTIFY = "notify", _("notify")
    STOP = "stop", _("stop")
    THROTTLE = "throttle", _("throttle")


class CapSetter(models.TextChoices):
    FINANCE = "finance", _("finance")
    CUSTOMER = "customer", _("the customer")


@pghistory.track()
class SpendCap(models.Model):
    """
    The maximum cost of usage in a period, and the action when it is reached.

    subscription, customer: the scope: one subscription, or all of a customer's in its currency, each in its running
        period.
    feature: empty for all usage.
    match: a dimension value that it is a budget of, such as one API key; empty for all.
    amount: in `currency`, before coupons and tax.
    per_minute: uses to allow per minute, if it throttles.
    throttles_from: percentage of the amount from which it throttles. counts_from: when it began to count uses.
    set_by: the customer's own cap applies in addition to finance's, and is never above it.
    """

    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, null=True, blank=True, related_name="spend_caps"
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, null=True, blank=True, related_name="spend_caps"
    )
    feature = models.ForeignKey(
        "plans.Feature", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    match = models.JSONField(default=dict, blank=True)
    amount = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default="USD")
    action = models.CharField(max_length=8, choices=CapAction, default=CapAction.NOTIFY)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    throttles_from = models.PositiveSmallIntegerField(default=100, db_default=100)
    counts_from = models.DateTimeField(null=True, blank=True)
    set_by = models.CharField(max_length=8, choices=CapSetter, default=CapSetter.FINANCE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            finite("amount", name="cap_amount_is_finite"),
            one_of("action", CapAction, name="cap_action_is_known"),
            one_of("set_by", CapSetter, name="cap_setter_is_known"),
            finite("per_minute", least=1, most=1_000_000, name="throttled_uses_are_1_to_a_million"),
            models.CheckConstraint(
                condition=Q(action="throttle", per_minute__isnull=False, counts_from__isnull=False)
                | ~Q(action="throttle") & Q(per_minute__isnull=True, counts_from__isnull=True),
                name="only_a_throttle_lets_uses_through",
            ),
            models.CheckConstraint(
                condition=Q(throttles_from=100) | Q(action="throttle", throttles_from__gte=1, throttles_from__lt=100),
                name="only_a_throttle_begins_before_its_cap",
            ),
            models.UniqueConstraint(
                fields=["subscription", "customer", "feature", "match", "currency", "set_by"],
                name="spend_is_capped_once_by_each",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(subscription__isnull=False, customer__isnull=True)
                | Q(subscription__isnull=True, customer__isnull=False),
                name="spend_of_a_subscription_or_a_customer_is_capped",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature or 'all usage'}: {self.get_action_display()}"
