"""Apply coupons to a subscription or a customer, and remove them: docs/closing.md#coupons."""

from contextlib import suppress
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils.translation import gettext as _

from billing.models import Period, Redemption, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.notifications import announce_update
from billing.subscriptions.periods.boundaries import TICK
from billing.subscriptions.periods.cutoff import lock_periods
from billing.subscriptions.terms.coupon_refusals import CouponRefused, check_customer_limit, explain_refusal
from customers.models import Customer
from customers.registration import announce_customer_updated
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.models.numbering import DocumentKind
from lib.audit_log import audited_transaction
from plans.models import Coupon, Promotion, PromotionCode


def apply_coupon(
    *,
    subscription: Subscription,
    coupon: Coupon,
    at: datetime,
    by: User | None = None,
    promotion_code: PromotionCode | None = None,
) -> Redemption:
    """
    Apply a coupon to a subscription, after its other ones; it discounts the next invoices.

    promotion_code: the code of the coupon that was entered, if one was; its limits apply as well.

    :raises CouponRefused: if it is archived, used up, outside its dates, in another currency, for other plans, or
        applied already.
    """
    with audited_transaction("apply coupon", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        if subscription.state == SubscriptionState.ENDED:
            raise CouponRefused(
                _("%(subscription)s has ended, so %(coupon)s can't discount any invoice.")
                % {"subscription": subscription, "coupon": coupon},
                "scope",
            )
        since = _next_invoice_time(subscription, at)
        redemption = redeem(subscription, coupon, since=since, at=at, by=by, promotion_code=promotion_code)
        announce_update(
            subscription, "coupon", at=at, discriminator=str(redemption.pk), coupon=coupon.code, ended_at=None
        )
        return redemption


def apply_customer_coupon(
    *,
    customer: Customer,
    coupon: Coupon,
    at: datetime,
    by: User | None = None,
    promotion_code: PromotionCode | None = None,
) -> Redemption:
    """
    Apply a coupon to all subscriptions of a customer, after their other ones; it discounts the next invoices.

    promotion_code: as for `apply_coupon`.

    :raises CouponRefused: as `apply_coupon` does. The customer's currency and those of its subscriptions fit.
    """
    with audited_transaction("apply coupon", by=by, at=at):
        # Customer before periods, as everywhere; the coupons of a customer get their positions one after the other.
        customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        since = _next_customer_invoice_time(customer, at)
        currencies = {str(customer.currency), *customer.subscriptions.values_list("currency", flat=True)}
        if coupon.currency and coupon.currency not in currencies:
            raise CouponRefused(
                _("%(coupon)s is an amount in %(coupon_currency)s, but %(customer)s is billed in %(currency)s.")
                % {
                    "coupon": coupon,
                    "coupon_currency": coupon.currency,
                    "customer": customer,
                    "currency": ", ".join(sorted(currencies)),
                },
                "scope",
            )
        _count_redemption(coupon, promotion_code, customer, at=at)
        redemptions = Redemption.objects.of_customer(customer.pk)
        if redemptions.filter(coupon=coupon, ended_at__isnull=True).exists():
            raise CouponRefused(
                _(
                    "%(customer)s or one of its subscriptions already has %(coupon)s. Each coupon applies once at a"
                    " time."
                )
                % {"customer": customer, "coupon": coupon},
                "already",
            )
        redemption = Redemption.objects.create(
            customer=customer,
            coupon=coupon,
            position=_next_position(redemptions),
            since=since,
            time_zone=customer.time_zone,
            promotion_code=promotion_code,
            redeemed_by=by,
        )
        announce_customer_updated(customer, ["coupons"], at=at)
        return redemption


def remove_coupon(*, redemption: Redemption, at: datetime, reason: str = "", by: User | None = None) -> Redemption:
    """
    Remove a coupon: issued invoices stay as they are, later ones are without it. Removing it twice has no further
    effect.

    Its redemption still counts toward the coupon's limits.
    """
    with audited_transaction("remove coupon", by=by, at=at):
        # The removal and a close that would use the coupon happen one after the other.
        if redemption.subscription is not None:
            subscription = Subscription.objects.select_for_update(no_key=True).get(pk=redemption.subscription.pk)
            ended_at = _next_invoice_time(subscription, at)
        else:
            customer = Customer.objects.select_for_update(no_key=True).get(pk=redemption.owner.pk)
            ended_at = _next_customer_invoice_time(customer, at)
        redemption = Redemption.objects.select_related("coupon").get(pk=redemption.pk)
        if redemption.ended_at is None:
            redemption.ended_at, redemption.ended_reason = max(ended_at, redemption.since), reason
            redemption.save(update_fields=["ended_at", "ended_reason"])
            if redemption.subscription_id is None:
                announce_customer_updated(customer, ["coupons"], at=at)
            else:
                facts = {"coupon": redemption.coupon.code, "ended_at": redemption.ended_at.isoformat()}
                announce_update(subscription, "coupon", at=at, discriminator=f"{redemption.pk}:ended", **facts)
        return redemption


def redeem(
    subscription: Subscription,
    coupon: Coupon,
    *,
    since: datetime,
    at: datetime,
    by: User | None,
    promotion: Promotion | None = None,
    promotion_code: PromotionCode | None = None,
) -> Redemption:
    """
    Apply a coupon to a subscription that the caller's transaction has locked or created.

    :raises CouponRefused: see `apply_coupon`.
    """
    _check_scope(subscription, coupon)
    _count_redemption(coupon, promotion_code, subscription.customer, at=at)
    # The customer's own coupons discount this subscription, too.
    redemptions = Redemption.objects.filter(Q(subscription=subscription) | Q(customer=subscription.customer_id))
    if redemptions.filter(coupon=coupon, ended_at__isnull=True).exists():
        raise CouponRefused(
            _("%(subscription)s already has %(coupon)s. Each coupon applies once at a time.")
            % {"subscription": subscription, "coupon": coupon},
            "already",
        )
    return Redemption.objects.create(
        subscription=subscription,
        coupon=coupon,
        position=_next_position(redemptions),
        since=since,
        promotion=promotion,
        promotion_code=promotion_code,
        redeemed_by=by,
    )


def apply_promotions(subscription: Subscription, *, at: datetime) -> None:
    """Apply the coupons that are promoted for the plan of a new subscription at its start, where that is allowed."""
    promoted = Promotion.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=subscription.starts_at),
        plan__versions=subscription.version_id,
        starts_at__lte=subscription.starts_at,
    )
    for promotion in promoted.select_related("coupon").order_by("starts_at", "pk"):
        # A promotion that doesn't apply is no reason to refuse the subscription.
        with suppress(CouponRefused), transaction.atomic():
            redeem(
                subscription,
                promotion.coupon,
                since=subscription.starts_at,
                at=at,
                by=None,
                promotion=promotion,
            )


def _check_scope(subscription: Subscription, coupon: Coupon) -> None:
    if coupon.currency and coupon.currency != subscription.currency:
        raise CouponRefused(
            _("%(coupon)s is an amount in %(coupon_currency)s, but %(subscription)s is billed in %(currency)s.")
            % {
                "coupon": coupon,
                "coupon_currency": coupon.currency,
                "subscription": subscription,
                "currency": subscription.currency,
            },
            "scope",
        )
    plan = subscription.version.plan
    if coupon.plans and plan.code not in coupon.plans:
        raise CouponRefused(
            _("%(coupon)s is for the plans %(plans)s, but %(subscription)s has the plan %(plan)s.")
            % {
                "coupon": coupon,
                "plans": ", ".join(coupon.plans),
                "subscription": subscription,
                "plan": plan.code,
            },
            "scope",
        )


def _count_redemption(
    coupon: Coupon, promotion_code: PromotionCode | None, customer: Customer, *, at: datetime
) -> None:
    """
    Count a redemption of a coupon, and of the code that was entered for it, within their limits.

    :raises CouponRefused: if they can't be redeemed at `at`, or by this customer.
    """
    # The updates that count the redemption lock both rows, the coupon first, so their limits hold in any race.
    counted = Coupon.objects.redeemable(at).filter(pk=coupon.pk).update(redeemed=F("redeemed") + 1)
    coupon.refresh_from_db()
    if not counted:
        raise explain_refusal(coupon, at)
    redemptions = Redemption.objects.of_customer(customer.pk)
    check_customer_limit(coupon, customer, redemptions.filter(coupon=coupon).count())
    if promotion_code is None:
        return
    codes = PromotionCode.objects.redeemable(at).filter(pk=promotion_code.pk, coupon=coupon)
    counted = codes.update(redeemed=F("redeemed") + 1)
    promotion_code.refresh_from_db()
    if not counted:
        raise explain_refusal(promotion_code, at)
    check_customer_limit(promotion_code, customer, redemptions.filter(promotion_code=promotion_code).count())
    if promotion_code.is_for_new_customers and _has_invoices(customer):
        raise CouponRefused(
            _("%(code)s is for new customers, but %(customer)s already has invoices.")
            % {"code": promotion_code, "customer": customer},
            "new_customers",
        )


def _has_invoices(customer: Customer) -> bool:
    invoices = Invoice.objects.filter(customer=customer, kind=DocumentKind.INVOICE, number__isnull=False)
    return invoices.exclude(state=InvoiceState.VOID).exists()


def _next_position(redemptions: QuerySet[Redemption]) -> int:
    """
    Return the position after these redemptions.

    The caller's lock on the subscription or customer makes it unique there. A coupon of the customer and one of a
    subscription that are applied at the same moment may share a position; the earlier row then applies first.
    """
    return (redemptions.aggregate(last=Max("position"))["last"] or 0) + 1


def _next_invoice_time(subscription: Subscription, at: datetime) -> datetime:
    """
    Return from when a change applies: from `at`, but to no invoice that is issued already.

    The open periods are locked, so that none is closed in between.
    """
    lock_periods(subscription)
    return _after_last_invoice(Period.objects.filter(subscription=subscription), at)


def _next_customer_invoice_time(customer: Customer, at: datetime) -> datetime:
    """Return from when a change applies to all subscriptions of a customer: see `_next_invoice_time`."""
    periods = Period.objects.filter(subscription__customer=customer)
    # Excludes closes, but not the KEY SHARE lock of ingest; in the order of ids, as everywhere.
    open_periods = periods.filter(state=PeriodState.OPEN, starts_at__lte=at).order_by("pk")
    list(open_periods.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    return _after_last_invoice(periods, at)


def _after_last_invoice(periods: QuerySet[Period], at: datetime) -> datetime:
    closed = periods.exclude(kind=PeriodKind.UNDONE).filter(state=PeriodState.CLOSED)
    last = closed.aggregate(last=Max("ends_at"))["last"]
    # A coupon applies to periods by their end, so it must start after the last issued one.
    return at if last is None else max(at, last + TICK)
