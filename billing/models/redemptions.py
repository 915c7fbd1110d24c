"""Coupons of subscriptions and customers, and their lines on invoices."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self, cast

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Case, Count, F, Func, OuterRef, Q, Subquery, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Least

from billing.models.periods import Period, PeriodState
from billing.triggers import protect_redemptions
from lib.triggers import append_only
from plans.models.coupons import Duration

if TYPE_CHECKING:
    from billing.models.subscriptions import Subscription
    from customers.models import Customer

_NUMBER = models.IntegerField()

# The lines of an undone period were credited in full, so its amounts are available again.
_TAKEN = """
    (SELECT coalesce(jsonb_object_agg(t.coupon_period, t.amount), '{}') FROM (
        SELECT k.coupon_period, (-sum(l.amount))::text AS amount FROM billing_couponline k
        JOIN invoices_line l ON l.id = k.line_id JOIN billing_period p ON p.id = k.period_id AND p.kind <> 'undone'
        WHERE k.redemption_id = billing_redemption.id AND k.coupon_period IS NOT NULL GROUP BY 1) t)
"""


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def with_use(self) -> Self:
        """
        Return the redemptions with their coupons, and with `used`: the number of invoices that each was applied to so
        far. A customer's coupon counts the invoices that it discounted.
        """
        closed_periods = (
            Period.objects.counted_by_coupons()
            .alias(
                plan_count=Func(OuterRef("coupon__plans"), function="cardinality", output_field=_NUMBER),
                plan_place=Func(
                    OuterRef("coupon__plans"), "version__plan__code", function="array_position", output_field=_NUMBER
                ),
            )
            .filter(
                Q(ends_at__lt=Coalesce(OuterRef("ended_at"), Value(datetime.max.replace(tzinfo=UTC)))),
                Q(plan_count=0) | Q(plan_place__isnull=False),
                subscription=OuterRef("subscription"),
                state=PeriodState.CLOSED,
                ends_at__gte=OuterRef("since"),
            )
        )
        closed_count = Coalesce(
            Subquery(closed_periods.order_by().values("subscription").annotate(n=Count("pk")).values("n")), 0
        )
        most = Case(
            When(coupon__duration=Duration.ONCE, then=1),
            When(coupon__duration=Duration.PERIODS, then=F("coupon__periods")),
            default=None,
            output_field=_NUMBER,
        )
        discounted = CouponLine.objects.filter(redemption=OuterRef("pk")).order_by().values("redemption")
        used = Case(
            When(subscription__isnull=False, then=Least(closed_count, most)),
            default=Coalesce(Subquery(discounted.annotate(n=Count("period", distinct=True)).values("n")), 0),
        )
        return self.select_related("coupon", "promotion_code").annotate(used=used)

    def with_taken(self) -> Self:
        """Return customers' redemptions with `taken`: number of a coupon period → amount, as texts."""
        # RawSQL: the aggregate of an aggregate has no expression in the ORM.
        taken = RawSQL(_TAKEN, [], output_field=models.JSONField())  # noqa: S611 - the SQL is constant
        return self.select_related("coupon", "promotion_code").annotate(taken=taken)

    def of_customer(self, customer_id: int) -> Self:
        """Return the customer's own redemptions and those of its subscriptions."""
        return self.filter(Q(customer=customer_id) | Q(subscription__customer=customer_id))


@pghistory.track()
class Redemption(models.Model):
    """
    A coupon that a subscription holds, or a customer for all its subscriptions: docs/closing.md#coupons.

    subscription, customer: who holds it, one of the two.
    position: its place in the order of application among all coupons of the customer and its subscriptions; each
        coupon discounts the rest that those before it leave.
    since, ended_at: the coupon applies to invoices of periods that end in [since, ended_at), up to its number of
        invoices or coupon periods. The periods alone determine which invoices these are, so there is no count to
        maintain.
    time_zone: of a customer's coupon, the time zone of its coupon periods, which are counted from `since`.
    promotion: the promotion that gave it, if one did. promotion_code: the code that redeemed it, if one did.
    ended_reason: why it was removed.
    """

    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, null=True, related_name="redemptions"
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, null=True, related_name="redemptions"
    )
    coupon = models.ForeignKey("plans.Coupon", on_delete=models.PROTECT, related_name="redemptions")
    position = models.PositiveSmallIntegerField()
    since = models.DateTimeField()
    time_zone = models.CharField(max_length=64, default="", db_default="")
    promotion = models.ForeignKey("plans.Promotion", on_delete=models.PROTECT, null=True, related_name="redemptions")
    promotion_code = models.ForeignKey(
        "plans.PromotionCode", on_delete=models.PROTECT, null=True, related_name="redemptions"
    )
    redeemed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # Annotated by `with_use` and `with_taken`.
    used: int
    taken: dict[str, str]

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(subscription__isnull=False, customer__isnull=True, time_zone="")
                | (Q(subscription__isnull=True, customer__isnull=False) & ~Q(time_zone="")),
                name="redemption_is_held_by_a_subscription_or_a_customer",
            ),
            models.UniqueConstraint(fields=["subscription", "position"], name="coupons_are_applied_in_one_order"),
            models.UniqueConstraint(
                fields=["customer", "position"], name="coupons_of_a_customer_are_applied_in_one_order"
            ),
            models.UniqueConstraint(
                fields=["subscription", "coupon"],
                condition=Q(ended_at__isnull=True),
                name="coupon_is_redeemed_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["customer", "coupon"],
                condition=Q(ended_at__isnull=True),
                name="customer_redeems_a_coupon_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_reason="")
                | Q(ended_at__isnull=False, ended_at__gte=F("since")),
                name="redemption_ends_after_it_starts",
            ),
        ]
        triggers = [protect_redemptions()]

    def __str__(self) -> str:
        return f"{self.coupon} of {self.holder}"

    @property
    def holder(self) -> "Subscription | Customer":
        """The subscription or customer that holds it."""
        return self.subscription or cast("Customer", self.customer)

    @property
    def owner(self) -> "Customer":
        """The customer that holds it, itself or by its subscription."""
        return self.subscription.customer if self.subscription else cast("Customer", self.customer)

    @property
    def currency(self) -> str:
        """The currency of its amounts; of a customer's percentage, that of the customer."""
        return self.coupon.currency or str(self.holder.currency)


class CouponLine(models.Model):
    """
    The redemption of a line of kind coupon, and the period whose invoice holds the line.

    coupon_period: of a customer's coupon, the number of the coupon period that contains the period's last instant; 0
        is the first. The amounts of these lines are all that was taken from a customer's fixed coupon.
    """

    line = models.OneToOneField("invoices.Line", on_delete=models.PROTECT, primary_key=True, related_name="redeemed")
    redemption = models.ForeignKey("billing.Redemption", on_delete=models.PROTECT, related_name="lines")
    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="coupon_lines")
    coupon_period = models.PositiveSmallIntegerField(null=True)

    class Meta:
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.line} of {self.redemption}"
