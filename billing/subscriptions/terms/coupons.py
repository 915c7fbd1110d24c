"""Give a subscription coupons, and take them away: docs/closing.md#coupons."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Max, Q

from billing.models import Redemption, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.notifications import announce_update
from billing.subscriptions.periods.cutoff import lock_periods
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from lib.audit_log import audited_transaction
from plans.models import Coupon, Promotion

TICK = timedelta(microseconds=1)


class CouponRefused(SubscriptionRefused):
    """A coupon cannot be given or taken away as asked; the text says why and what to do."""


def apply_coupon(
    *, subscription: Subscription, coupon: Coupon, at: datetime, by: AbstractBaseUser | None = None
) -> Redemption:
    """
    Give a subscription a coupon, after those that it holds; it is taken off the next documents.

    :raises CouponRefused: if it is archived, used up, out of its dates, in another currency, or held already.
    """
    with audited_transaction("apply coupon", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        if subscription.state == SubscriptionState.ENDED:
            raise CouponRefused(f"{subscription} has ended: there is no document that {coupon} could be taken off.")
        made = redeem(subscription, coupon, since=_from_next_document(subscription, at), at=at, by=by)
        announce_update(subscription, "coupon", at=at, discriminator=str(made.pk), coupon=coupon.code, ended_at=None)
        return made


def remove_coupon(
    *, redemption: Redemption, at: datetime, reason: str = "", by: AbstractBaseUser | None = None
) -> Redemption:
    """
    Take a coupon away: what is issued stays as it is, later documents are without it. Twice is once.

    Its redemption still counts toward the coupon's limits.
    """
    with audited_transaction("remove coupon", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=redemption.subscription_id)
        ended_at = _from_next_document(subscription, at)
        redemption = Redemption.objects.select_related("coupon").get(pk=redemption.pk)
        if redemption.ended_at is None:
            redemption.ended_at, redemption.ended_reason = max(ended_at, redemption.since), reason
            redemption.save(update_fields=["ended_at", "ended_reason"])
            told = {"coupon": redemption.coupon.code, "ended_at": redemption.ended_at.isoformat()}
            announce_update(subscription, "coupon", at=at, discriminator=f"{redemption.pk}:ended", **told)
        return redemption


def redeem(
    subscription: Subscription,
    coupon: Coupon,
    *,
    since: datetime,
    at: datetime,
    by: AbstractBaseUser | None,
    promotion: Promotion | None = None,
) -> Redemption:
    """
    Give a coupon to a subscription that the caller's transaction holds locked, or has just made.

    The coupon's row is taken by the update that counts it, so its limits hold in any race.

    :raises CouponRefused: see `apply_coupon`.
    """
    if coupon.currency and coupon.currency != subscription.currency:
        raise CouponRefused(
            f"{coupon} is an amount in {coupon.currency}; {subscription} pays {subscription.currency}."
        )
    counted = Coupon.objects.redeemable(at).filter(pk=coupon.pk).update(redeemed=F("redeemed") + 1)
    coupon.refresh_from_db()
    if not counted:
        raise CouponRefused(_why_not(coupon, at))
    held = Redemption.objects.filter(coupon=coupon, subscription__customer=subscription.customer_id)
    if held.filter(subscription=subscription, ended_at__isnull=True).exists():
        raise CouponRefused(f"{subscription} holds {coupon} already: each coupon is held once at a time.")
    if coupon.most_per_customer is not None and held.count() >= coupon.most_per_customer:
        raise CouponRefused(
            f"{subscription.customer} had {coupon} {held.count()} times already, and it is given to a customer"
            f" {coupon.most_per_customer} times at most."
        )
    last = Redemption.objects.filter(subscription=subscription).aggregate(last=Max("position"))["last"]
    return Redemption.objects.create(
        subscription=subscription,
        coupon=coupon,
        position=(last or 0) + 1,
        since=since,
        promotion=promotion,
        redeemed_by=by,
    )


def apply_promotions(subscription: Subscription, *, at: datetime) -> None:
    """Give a new subscription the coupons that are promoted for its plan at its start, if they may be given."""
    promoted = Promotion.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=subscription.starts_at),
        plan__versions=subscription.version_id,
        starts_at__lte=subscription.starts_at,
    )
    for promotion in promoted.select_related("coupon").order_by("starts_at", "pk"):
        with suppress(CouponRefused), transaction.atomic():
            redeem(
                subscription,
                promotion.coupon,
                since=subscription.starts_at,
                at=at,
                by=None,
                promotion=promotion,
            )


def _from_next_document(subscription: Subscription, at: datetime) -> datetime:
    """
    Return since when a change holds: from `at`, and for no document that is issued already.

    Its open periods are locked, so that none is closed meanwhile.
    """
    lock_periods(subscription)
    issued = subscription.periods.exclude(kind=PeriodKind.UNDONE)
    closed = issued.filter(state=PeriodState.CLOSED).aggregate(last=Max("ends_at"))["last"]
    return at if closed is None else max(at, closed + TICK)


def _why_not(coupon: Coupon, at: datetime) -> str:
    if coupon.archived_at is not None:
        return f"{coupon} is archived: it is not given any more."
    if coupon.redeem_from is not None and at < coupon.redeem_from:
        return f"{coupon} is given from {coupon.redeem_from:%Y-%m-%d %H:%M %Z} on."
    if coupon.redeem_until is not None and at >= coupon.redeem_until:
        return f"{coupon} was given until {coupon.redeem_until:%Y-%m-%d %H:%M %Z}."
    return f"{coupon} is used up: it was given {coupon.redeemed} times, as often as it may be."
