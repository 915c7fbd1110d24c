"""Pause a subscription now, at the end of its period, or at a date; resume it: docs/closing.md#pauses."""

from datetime import datetime
from typing import Literal

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.models import Pause, Period, Subscription
from billing.models.pauses import PauseState
from billing.models.periods import PeriodKind, PeriodState, SettlementMethod
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from billing.subscriptions.periods.boundaries import TICK
from billing.subscriptions.periods.cutoff import (
    UsageAfterCutoff,
    lock_periods,
    moment_after_usage,
    shorten_periods,
    skip_paid_boundary,
    split_blockers,
)
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, generate_subscription_periods
from billing.subscriptions.periods.restoration import restore_period
from billing.subscriptions.terms.credit_grants import grant_included
from customers.customer_time import clock_filter
from customers.notifications import announce
from lib.audit_log import audited_transaction
from lib.queue import lock_free_rows, repeat_while_full

# Rows per transaction, which bounds the time that they stay locked and the work that a crash repeats.
BATCH_SIZE = 1_000
UNFINISHED_STATES = (PauseState.TO_COME, PauseState.RUNNING)


class PauseRefused(Exception):
    """The subscription can't be paused or resumed; the text gives the reason and the remedy."""


def pause(
    *,
    subscription: Subscription,
    at: datetime,
    starts_at: datetime | None = None,
    at_period_end: bool = False,
    ends_at: datetime | None = None,
    give_back: Literal["credit", "refund"] = "credit",
    reason: str = "",
    by: User | None = None,
) -> Pause:
    """
    Stop the periods of a subscription from a time on, and return the pause.

    starts_at: `at` or later; default: now, or just after the last recorded usage.
    ends_at: when it resumes by itself; by default when `resume` is called.

    The period in which the pause starts ends there and is billed; fees paid in advance for the rest of it are
    credited then. The subscription keeps its features. Until the pause starts, `resume` undoes it.

    :raises PauseRefused: if the subscription is not running, in its trial, paused already, scheduled for a plan
        change later, or ends before; if a time is past, usage is recorded after it, or a level is charged.
    """
    with audited_transaction("pause", by=by, at=at):
        # Subscription first, then its periods: the lock order of every change of a subscription.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        periods = lock_periods(subscription)
        running_period = _find_running_period(subscription, periods, starts_at or at)
        if at_period_end:
            starts_at = running_period.ends_at
        elif starts_at is None:
            starts_at = moment_after_usage(subscription, running_period, at)
        _check_pause(subscription, starts_at, ends_at, at=at)
        # A period that was billed in advance at its start must exist to be credited.
        starts_at = skip_paid_boundary(periods, starts_at)
        # Only a pause in mid-period splits it.
        if running_period.starts_at < starts_at < running_period.ends_at:
            for blocker in split_blockers([running_period.version_id]).values():
                raise PauseRefused(_("%(blocker)s Pause it at the end of the period.") % {"blocker": blocker})
        try:
            shortened = shorten_periods(subscription, periods, starts_at)
        except UsageAfterCutoff as error:
            raise PauseRefused(str(error)) from error
        settles = SettlementMethod.REFUND if give_back == "refund" else SettlementMethod.BALANCE
        if shortened is not None:
            Period.objects.filter(pk=shortened.pk).update(settles=settles)
        new_pause = Pause.objects.create(
            subscription=subscription,
            starts_at=starts_at,
            ends_at=ends_at,
            settles=settles,
            reason=reason,
            created_at=at,
        )
        apply_due_pauses(at=at, subscription_ids=[subscription.pk])
        generate_subscription_periods(subscription_id=subscription.pk, until=at + PERIOD_LEAD_TIME)
        grant_included(subscription_ids=[subscription.pk], at=at)
        new_pause.refresh_from_db()
        return new_pause


def resume(
    *,
    subscription: Subscription,
    at: datetime,
    resumes_at: datetime | None = None,
    by: User | None = None,
) -> Pause:
    """
    Resume a paused subscription at a time, and return its pause; a pause that hasn't started is undone.

    resumes_at: default: now. It may be in the future, or past, so that usage since then is billed once it is
        reprocessed.

    Periods continue by the anchor, so the first one is a part of an interval. Fees due in advance of it are billed at
    once; in the interval in which the pause started, it has its share of the allowance.

    :raises PauseRefused: if it is not paused, ends before that, or usage is counted in a period that has to go.
    """
    with audited_transaction("resume", by=by, at=at):
        # Changes of one subscription happen one after the other: each reads the state that the other one left.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        unfinished_pause = Pause.objects.filter(subscription=subscription, state__in=UNFINISHED_STATES).first()
        if unfinished_pause is None or (unfinished_pause.ends_at is not None and unfinished_pause.ends_at <= at):
            raise PauseRefused(_("%(subscription)s is not paused.") % {"subscription": subscription})
        resumes_at = resumes_at or at
        if subscription.ends_at is not None and resumes_at >= subscription.ends_at:
            raise PauseRefused(
                _("%(subscription)s ends at %(time)s. Choose an earlier time.")
                % {"subscription": subscription, "time": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}"}
            )
        periods = lock_periods(subscription)
        _remove_periods_after(subscription, periods, unfinished_pause.starts_at)
        period_before = next(
            (period for period in reversed(periods) if _ends_at_pause(period, unfinished_pause)), None
        )
        if (
            resumes_at <= unfinished_pause.starts_at
            and period_before is not None
            and period_before.state == PeriodState.OPEN
        ):
            restore_period(subscription, period_before)
            unfinished_pause.state = PauseState.REVOKED
        else:
            # An empty pause would violate a constraint, so it lasts one tick at least.
            unfinished_pause.ends_at = max(resumes_at, unfinished_pause.starts_at + TICK)
        unfinished_pause.save(update_fields=["state", "ends_at"])
        apply_due_pauses(at=at, subscription_ids=[subscription.pk])
        _reactivate(subscription, at)
        generate_subscription_periods(subscription_id=subscription.pk, until=at + PERIOD_LEAD_TIME)
        grant_included(subscription_ids=[subscription.pk], at=at)
        unfinished_pause.refresh_from_db()
        return unfinished_pause


def shorten_pause(subscription: Subscription, *, ends_at: datetime, at: datetime) -> None:
    """End the pause of a subscription at its end at the latest; the caller has locked the subscription."""
    unfinished_pause = Pause.objects.filter(subscription=subscription, state__in=UNFINISHED_STATES).first()
    if unfinished_pause is None:
        return
    if unfinished_pause.starts_at >= ends_at:
        unfinished_pause.state = PauseState.REVOKED
    elif unfinished_pause.ends_at is None or unfinished_pause.ends_at > ends_at:
        unfinished_pause.ends_at = ends_at
    unfinished_pause.save(update_fields=["state", "ends_at"])
    apply_due_pauses(at=at, subscription_ids=[subscription.pk])


def apply_due_pauses(*, at: datetime, clock_id: int | None = None, subscription_ids: list[int] | None = None) -> int:
    """
    Update pauses that have started or ended, and their subscriptions, and announce it; return how many were updated.

    clock_id: limits the work to customers on this test clock; None means real time.
    subscription_ids: limits the work to these instead.

    Billing depends on periods only, so a late update bills nothing wrong. Safe to repeat and to run concurrently.
    """
    due_pauses = Pause.objects.filter(
        Q(state=PauseState.TO_COME, starts_at__lte=at) | Q(state=PauseState.RUNNING, ends_at__lte=at)
    )
    if subscription_ids is None:
        # Customers on a test clock are updated when their clock advances.
        due_pauses = due_pauses.filter(clock_filter(clock_id, "subscription__customer"))
    else:
        due_pauses = due_pauses.filter(subscription__in=subscription_ids)
    subscriptions = Subscription.objects.filter(pk__in=due_pauses.values("subscription")).order_by("pk")

    def apply_batch() -> int:
        with audited_transaction("follow pauses", by=None, at=at):
            # Subscriptions are locked before their pauses, as everywhere.
            locked_subscriptions = lock_free_rows(subscriptions, limit=BATCH_SIZE)
            locked_pauses = due_pauses.filter(subscription__in=locked_subscriptions)
            for due_pause in locked_pauses.select_related("subscription__customer"):
                _apply_pause(due_pause, at)
        return len(locked_subscriptions)

    return repeat_while_full(apply_batch, size=BATCH_SIZE)


def _apply_pause(due_pause: Pause, at: datetime) -> None:
    is_over = due_pause.ends_at is not None and due_pause.ends_at <= at
    due_pause.state = PauseState.OVER if is_over else PauseState.RUNNING
    due_pause.save(update_fields=["state"])
    subscription = due_pause.subscription
    if is_over:
        _reactivate(subscription, at)
    elif subscription.state in RUNNING_STATES:
        Subscription.objects.filter(pk=subscription.pk).update(state=SubscriptionState.PAUSED)
    announce(
        kind="subscription.resumed" if is_over else "subscription.paused",
        customer_id=subscription.customer_id,
        facts={
            "subscription": subscription.external_id,
            "paused_at": due_pause.starts_at.isoformat(),
            "resumes_at": due_pause.ends_at.isoformat() if due_pause.ends_at else None,
        },
        key=f"pause:{due_pause.pk}:{due_pause.state}",
        at=at,
    )


def _reactivate(subscription: Subscription, at: datetime) -> None:
    """Set a subscription to active, unless another pause of it is running."""
    running_pauses = Pause.objects.filter(subscription=subscription, state=PauseState.RUNNING)
    if not running_pauses.exists():
        paused_subscription = Subscription.objects.filter(pk=subscription.pk, state=SubscriptionState.PAUSED)
        paused_subscription.update(state=SubscriptionState.ACTIVE)


def _find_running_period(subscription: Subscription, periods: list[Period], moment: datetime) -> Period:
    if subscription.state not in RUNNING_STATES:
        raise PauseRefused(
            _("%(subscription)s is %(state)s. Only an active subscription can be paused.")
            % {"subscription": subscription, "state": subscription.get_state_display()}
        )
    open_periods = [
        period for period in periods if period.kind == PeriodKind.REGULAR and period.state == PeriodState.OPEN
    ]
    running_period = next((period for period in open_periods if period.starts_at <= moment < period.ends_at), None)
    if running_period is None and open_periods and moment >= open_periods[-1].ends_at:
        running_period = open_periods[-1]  # a future time, in a period that isn't generated yet
    if running_period is None:
        raise PauseRefused(
            _("%(subscription)s has no open period at %(time)s. Choose a later time.")
            % {"subscription": subscription, "time": f"{moment:%Y-%m-%d %H:%M %Z}"}
        )
    return running_period


def _check_pause(subscription: Subscription, starts_at: datetime, ends_at: datetime | None, *, at: datetime) -> None:
    if starts_at < at:
        raise PauseRefused(
            _("%(time)s is in the past. Pause %(subscription)s now or at a later time.")
            % {"time": f"{starts_at:%Y-%m-%d %H:%M %Z}", "subscription": subscription}
        )
    if ends_at is not None and ends_at <= starts_at:
        raise PauseRefused(
            _("The end of the pause (%(end)s) must be after its start (%(start)s).")
            % {"end": f"{ends_at:%Y-%m-%d %H:%M %Z}", "start": f"{starts_at:%Y-%m-%d %H:%M %Z}"}
        )
    if subscription.trial_ends_at is not None and starts_at < subscription.trial_ends_at:
        raise PauseRefused(
            _("%(subscription)s is in its trial until %(time)s. Extend the trial instead.")
            % {"subscription": subscription, "time": f"{subscription.trial_ends_at:%Y-%m-%d %H:%M %Z}"}
        )
    # Neither the pause nor its end may lie beyond the subscription's end.
    latest = max(filter(None, [starts_at, ends_at]))
    if subscription.ends_at is not None and subscription.ends_at <= latest:
        raise PauseRefused(
            _("%(subscription)s ends at %(time)s. Choose an earlier time.")
            % {"subscription": subscription, "time": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}"}
        )
    if unfinished_pause := Pause.objects.filter(subscription=subscription, state__in=UNFINISHED_STATES).first():
        raise PauseRefused(
            _("%(subscription)s is already paused from %(time)s. Resume it first.")
            % {"subscription": subscription, "time": f"{unfinished_pause.starts_at:%Y-%m-%d %H:%M %Z}"}
        )
    pending_changes = subscription.changes.filter(state=ChangeState.PENDING, moment__gte=starts_at)
    if pending_change := pending_changes.select_related("version__plan").first():
        raise PauseRefused(
            _("%(subscription)s moves to %(version)s at %(time)s. Revoke that change first.")
            % {
                "subscription": subscription,
                "version": pending_change.version,
                "time": f"{pending_change.moment:%Y-%m-%d %H:%M %Z}",
            }
        )


def _remove_periods_after(subscription: Subscription, periods: list[Period], moment: datetime) -> None:
    """Delete the periods that were generated ahead for the planned end of the pause."""
    later_periods = [period for period in periods if period.starts_at > moment]
    try:
        shorten_periods(
            subscription, [period for period in later_periods if period.kind == PeriodKind.REGULAR], moment
        )
    except UsageAfterCutoff as error:
        raise PauseRefused(str(error)) from error
    opening_ids = [
        period.pk
        for period in later_periods
        if period.kind == PeriodKind.OPENING and period.state == PeriodState.OPEN
    ]
    Period.objects.filter(pk__in=opening_ids).delete()


def _ends_at_pause(period: Period, unfinished_pause: Pause) -> bool:
    return period.kind == PeriodKind.REGULAR and period.ends_at == unfinished_pause.starts_at
