"""Commitments and coupons of a subscription, and their lines on invoices."""

from datetime import UTC, datetime
from typing import Self

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Case, Count, F, Func, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Least
from django.utils.translation import gettext_lazy as _

from billing.models.periods import Period, PeriodState
from billing.triggers import protect_billed_periods, protect_redemptions
from lib.triggers import append_only
from plans.models.commitments import CommitmentTerms
from plans.models.coupons import Duration


@pghistory.track()
class SubscriptionCommitment(CommitmentTerms):
    """
    One subscription's own commitment, instead of its version's.

    starts_at, ends_at: half-open; it applies to periods that start in it, and a contract of several periods is
        counted from the first of them. A commitment that ends when it starts was withdrawn.
    """

    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="commitments")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(CommitmentTerms.Meta):
        abstract = False
        verbose_name = _("commitment of a subscription")
        verbose_name_plural = _("commitments of subscriptions")
        constraints = [
            *CommitmentTerms.Meta.constraints,
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="own_commitment_ends_after_it_starts",
            ),
            ExclusionConstraint(
                name="subscription_has_one_commitment_at_a_time",
                expressions=[
                    ("subscription", RangeOperators.EQUAL),
                    (
                        Func("starts_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]
        triggers = [protect_billed_periods()]


class Settlement(models.Model):
    """
    The commitment that a line of kind true-up or surcharge settles: that of a period, or of the contract it belongs
    to.

    The amount billed for a commitment so far is the sum of these lines; docs/closing.md#commitments.
    """

    line = models.OneToOneField(
        "invoices.Line", on_delete=models.PROTECT, primary_key=True, related_name="settlement"
    )
    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="settlements")

    class Meta:
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.line} for {self.period}"


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def with_use(self) -> Self:
        """
        Return the redemptions with their coupons, and with `used`: the number of invoices that each was applied to so
        far.
        """
        closed_periods = Period.objects.counted_by_coupons().filter(
            Q(ends_at__lt=Coalesce(OuterRef("ended_at"), Value(datetime.max.replace(tzinfo=UTC)))),
            subscription=OuterRef("subscription"),
            state=PeriodState.CLOSED,
            ends_at__gte=OuterRef("since"),
        )
        closed_count = Coalesce(
            Subquery(closed_periods.order_by().values("subscription").annotate(n=Count("pk")).values("n")), 0
        )
        most = Case(
            When(coupon__duration=Duration.ONCE, then=1),
            When(coupon__duration=Duration.PERIODS, then=F("coupon__periods")),
            default=None,
            output_field=models.IntegerField(),
        )
        return self.select_related("coupon").annotate(used=Least(closed_count, most))


@pghistory.track()
class Redemption(models.Model):
    """
    A coupon that a subscription holds.

    position: its place in the order of application; each coupon discounts the rest that those before it leave.
    since, ended_at: the coupon applies to invoices of periods that end in [since, ended_at), up to its number of
        invoices. The periods alone determine which invoices these are, so there is no count to maintain.
    promotion: the promotion that gave it, if one did.
    ended_reason: why it was removed.
    """

    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="redemptions")
    coupon = models.ForeignKey("plans.Coupon", on_delete=models.PROTECT, related_name="redemptions")
    position = models.PositiveSmallIntegerField()
    since = models.DateTimeField()
    promotion = models.ForeignKey("plans.Promotion", on_delete=models.PROTECT, null=True, related_name="redemptions")
    redeemed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "position"], name="coupons_are_applied_in_one_order"),
            models.UniqueConstraint(
                fields=["subscription", "coupon"],
                condition=Q(ended_at__isnull=True),
                name="coupon_is_redeemed_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_reason="")
                | Q(ended_at__isnull=False, ended_at__gte=F("since")),
                name="redemption_ends_after_it_starts",
            ),
        ]
        triggers = [protect_redemptions()]

    def __str__(self) -> str:
        return f"{self.coupon} of {self.subscription}"


class CouponLine(models.Model):
    """The redemption of a line of kind coupon, and the period whose invoice holds the line."""

    line = models.OneToOneField("invoices.Line", on_delete=models.PROTECT, primary_key=True, related_name="redeemed")
    redemption = models.ForeignKey("billing.Redemption", on_delete=models.PROTECT, related_name="lines")
    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="coupon_lines")

    class Meta:
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.line} of {self.redemption}"
