"""End a subscription: now, at the end of its period, or at a date."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from billing.models import Coverage, Period, Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscribing.covering import end_coverage
from billing.subscribing.cutting import UsageInTheWay, cut, locked_periods
from billing.subscribing.ending import end_finished
from billing.subscribing.granting import grant_included
from billing.subscribing.revoking import forget_after_end
from plans.trail import change


class CancellationRefused(Exception):
    """A subscription cannot be cancelled as asked; the text says why and what to do."""


def cancel(
    *,
    subscription: Subscription,
    at: datetime,
    ends_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> Subscription:
    """
    End a subscription at `ends_at`, which is `at` or later; at the end of the running period when absent.

    The period that the end falls in becomes shorter, later ones are removed. Fees in arrears are then prorated when
    it is closed; what was paid in advance is not given back.

    :raises CancellationRefused: if it has ended, ends earlier already, or the end is past.
    """
    with change("cancel", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        periods = locked_periods(subscription)
        ends_at = ends_at or _end_of_running(periods, subscription, at)
        _check(subscription, ends_at, at=at)
        try:
            cut(subscription, periods, ends_at)
        except UsageInTheWay as error:
            raise CancellationRefused(str(error)) from error
        end_coverage(Coverage.objects.filter(subscription=subscription), at=ends_at)
        subscription.state = SubscriptionState.CANCELLED
        subscription.cancelled_at = at
        subscription.ends_at = ends_at
        subscription.save(update_fields=["state", "cancelled_at", "ends_at"])
        forget_after_end(subscription, at=at)
        grant_included(subscription_ids=[subscription.pk], at=at)
        end_finished(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        return subscription


def _end_of_running(periods: list[Period], subscription: Subscription, at: datetime) -> datetime:
    if at < subscription.starts_at:
        return subscription.starts_at
    running = next((period for period in periods if period.starts_at <= at < period.ends_at), None)
    return running.ends_at if running else at


def _check(subscription: Subscription, ends_at: datetime, *, at: datetime) -> None:
    if subscription.state == SubscriptionState.ENDED:
        raise CancellationRefused(f"{subscription} has ended already.")
    if ends_at < at:
        raise CancellationRefused(
            f"{ends_at:%Y-%m-%d %H:%M %Z} is past: cancel {subscription} now or at a later moment."
        )
    if ends_at < subscription.starts_at:
        raise CancellationRefused(f"{subscription} starts later than that: cancel it at {subscription.starts_at}.")
    if subscription.ends_at is not None and ends_at > subscription.ends_at:
        raise CancellationRefused(f"{subscription} ends at {subscription.ends_at} already: choose no later moment.")
