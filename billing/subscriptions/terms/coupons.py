"""Apply coupons to a subscription, and remove them: docs/closing.md#coupons."""

from contextlib import suppress
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils.translation import gettext as _

from billing.models import Redemption, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.notifications import announce_update
from billing.subscriptions.periods.boundaries import TICK
from billing.subscriptions.periods.cutoff import lock_periods
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from lib.audit_log import audited_transaction
from plans.models import Coupon, Promotion


class CouponRefused(SubscriptionRefused):
    """A coupon can't be applied or removed; the text gives the reason and the remedy."""


def apply_coupon(*, subscription: Subscription, coupon: Coupon, at: datetime, by: User | None = None) -> Redemption:
    """
    Apply a coupon to a subscription, after its other ones; it discounts the next invoices.

    :raises CouponRefused: if it is archived, used up, outside its dates, in another currency, or applied already.
    """
    with audited_transaction("apply coupon", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        if subscription.state == SubscriptionState.ENDED:
            raise CouponRefused(
                _("%(subscription)s has ended, so %(coupon)s can't discount any invoice.")
                % {"subscription": subscription, "coupon": coupon}
            )
        redemption = redeem(subscription, coupon, since=_next_invoice_time(subscription, at), at=at, by=by)
        announce_update(
            subscription, "coupon", at=at, discriminator=str(redemption.pk), coupon=coupon.code, ended_at=None
        )
        return redemption


def remove_coupon(*, redemption: Redemption, at: datetime, reason: str = "", by: User | None = None) -> Redemption:
    """
    Remove a coupon: issued invoices stay as they are, later ones are without it. Removing it twice has no further
    effect.

    Its redemption still counts toward the coupon's limits.
    """
    with audited_transaction("remove coupon", by=by, at=at):
        # The removal and a close that would use the coupon happen one after the other.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=redemption.subscription_id)
        ended_at = _next_invoice_time(subscription, at)
        redemption = Redemption.objects.select_related("coupon").get(pk=redemption.pk)
        if redemption.ended_at is None:
            redemption.ended_at, redemption.ended_reason = max(ended_at, redemption.since), reason
            redemption.save(update_fields=["ended_at", "ended_reason"])
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
) -> Redemption:
    """
    Apply a coupon to a subscription that the caller's transaction has locked or created.

    :raises CouponRefused: see `apply_coupon`.
    """
    if coupon.currency and coupon.currency != subscription.currency:
        raise CouponRefused(
            _("%(coupon)s is an amount in %(coupon_currency)s, but %(subscription)s is billed in %(currency)s.")
            % {
                "coupon": coupon,
                "coupon_currency": coupon.currency,
                "subscription": subscription,
                "currency": subscription.currency,
            }
        )
    # The update that counts the redemption locks the coupon's row, so its limits hold in any race.
    counted = Coupon.objects.redeemable(at).filter(pk=coupon.pk).update(redeemed=F("redeemed") + 1)
    coupon.refresh_from_db()
    if not counted:
        raise CouponRefused(_explain_refusal(coupon, at))
    redemptions = Redemption.objects.filter(coupon=coupon, subscription__customer=subscription.customer_id)
    if redemptions.filter(subscription=subscription, ended_at__isnull=True).exists():
        raise CouponRefused(
            _("%(subscription)s already has %(coupon)s. Each coupon applies once at a time.")
            % {"subscription": subscription, "coupon": coupon}
        )
    if coupon.most_per_customer is not None and redemptions.count() >= coupon.most_per_customer:
        raise CouponRefused(
            _("%(customer)s has reached the limit of %(most)s for %(coupon)s (redeemed: %(count)s).")
            % {
                "customer": subscription.customer,
                "most": coupon.most_per_customer,
                "coupon": coupon,
                "count": redemptions.count(),
            }
        )
    # The caller's lock on the subscription makes the next position safe.
    last_position = Redemption.objects.filter(subscription=subscription).aggregate(last=Max("position"))["last"]
    return Redemption.objects.create(
        subscription=subscription,
        coupon=coupon,
        position=(last_position or 0) + 1,
        since=since,
        promotion=promotion,
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


def _next_invoice_time(subscription: Subscription, at: datetime) -> datetime:
    """
    Return from when a change applies: from `at`, but to no invoice that is issued already.

    The open periods are locked, so that none is closed in between.
    """
    lock_periods(subscription)
    issued = subscription.periods.exclude(kind=PeriodKind.UNDONE)
    closed = issued.filter(state=PeriodState.CLOSED).aggregate(last=Max("ends_at"))["last"]
    # A coupon applies to periods by their end, so it must start after the last issued one.
    return at if closed is None else max(at, closed + TICK)


def _explain_refusal(coupon: Coupon, at: datetime) -> str:
    if coupon.archived_at is not None:
        return _("%(coupon)s is archived and can't be applied.") % {"coupon": coupon}
    if coupon.redeem_from is not None and at < coupon.redeem_from:
        return _("%(coupon)s can be applied from %(time)s.") % {
            "coupon": coupon,
            "time": f"{coupon.redeem_from:%Y-%m-%d %H:%M %Z}",
        }
    if coupon.redeem_until is not None and at >= coupon.redeem_until:
        return _("%(coupon)s could be applied until %(time)s.") % {
            "coupon": coupon,
            "time": f"{coupon.redeem_until:%Y-%m-%d %H:%M %Z}",
        }
    return _("%(coupon)s has reached its limit of %(count)s redemptions.") % {
        "coupon": coupon,
        "count": coupon.redeemed,
    }
