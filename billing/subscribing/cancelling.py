"""End a subscription: now, at the end of its period, or at a date."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import ProtectedError

from billing.models import Coverage, Period, Series, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import SubscriptionState
from billing.store.events import last_between
from billing.subscribing.ending import end_finished
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
        periods = _locked_periods(subscription)
        ends_at = ends_at or _end_of_running(periods, subscription, at)
        _check(subscription, ends_at, at=at)
        _shorten(subscription, periods, ends_at)
        _uncover(subscription, ends_at)
        subscription.state = SubscriptionState.CANCELLED
        subscription.cancelled_at = at
        subscription.ends_at = ends_at
        subscription.save(update_fields=["state", "cancelled_at", "ends_at"])
        end_finished(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        return subscription


def _locked_periods(subscription: Subscription) -> list[Period]:
    """
    Return the periods that may change, locked: the open ones and the last one.

    Whoever adds a period holds the last one locked, so once it is ours no more can come; but one may have come while
    we waited for it, so they are read until none is new.
    """
    known: set[int] = set()
    while True:
        ids = _open_and_last(subscription)
        if ids <= known:
            return list(Period.objects.filter(pk__in=known).order_by("starts_at", "kind"))
        known |= ids
        list(Period.objects.select_for_update().filter(pk__in=known).order_by("pk"))


def _open_and_last(subscription: Subscription) -> set[int]:
    periods = Period.objects.filter(subscription=subscription)
    last = periods.order_by("-starts_at").values_list("pk", flat=True)[:1]
    return {*periods.filter(state=PeriodState.OPEN).values_list("pk", flat=True), *last}


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


def _shorten(subscription: Subscription, periods: list[Period], ends_at: datetime) -> None:
    grace = subscription.customer.seller.grace
    for period in periods:
        if period.state != PeriodState.OPEN:
            continue
        if period.starts_at < ends_at < period.ends_at:
            _check_usage(subscription, period, ends_at)
            period.ends_at, period.due_at = ends_at, ends_at + grace
            period.revision += 1
            period.save(update_fields=["ends_at", "due_at", "revision"])
        elif period.starts_at >= ends_at and (period.kind == PeriodKind.REGULAR or ends_at == subscription.starts_at):
            _remove(period, ends_at)


def _check_usage(subscription: Subscription, period: Period, ends_at: datetime) -> None:
    """Refuse an end before usage that is counted already, which would then be billed for a time after the end."""
    last = last_between(
        customer_id=subscription.customer_id,
        names=list(Series.objects.filter(period=period).values_list("meter__event_name", flat=True).distinct()),
        since=ends_at,
        until=period.ends_at,
        subscription_refs=[subscription.external_id, *([] if subscription.named else [""])],
    )
    if last is not None:
        raise CancellationRefused(f"Usage is recorded until {last}: choose a moment after it, not {ends_at}.")


def _remove(period: Period, ends_at: datetime) -> None:
    try:
        period.delete()
    except ProtectedError as error:
        raise CancellationRefused(
            f"Usage is recorded in the period from {period.starts_at} on: choose a moment after it, not {ends_at}."
        ) from error


def _uncover(subscription: Subscription, ends_at: datetime) -> None:
    mine = Coverage.objects.filter(subscription=subscription)
    mine.filter(during__startswith__gte=ends_at).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_coverage SET during = tstzrange(lower(during), %s) WHERE subscription_id = %s",
            [ends_at, subscription.pk],
        )
