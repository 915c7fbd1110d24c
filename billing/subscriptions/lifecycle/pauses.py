"""Pause a subscription: now, at the end of its period, or at a date; and let it go on: docs/closing.md#pauses."""

from datetime import datetime
from typing import Literal

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from billing.models import Pause, Period, Subscription
from billing.models.pauses import PauseState
from billing.models.periods import PeriodKind, PeriodState, Settling
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import RUNNING, SubscriptionState
from billing.subscriptions.periods.boundaries import TICK
from billing.subscriptions.periods.cutoff import (
    UsageInTheWay,
    after_usage,
    after_what_is_paid,
    cannot_be_split,
    cut,
    locked_periods,
)
from billing.subscriptions.periods.generation import AHEAD, extend_one
from billing.subscriptions.periods.restoration import lengthen
from billing.subscriptions.terms.credit_grants import grant_included
from customers.customer_time import in_time_of
from customers.notifications import announce
from lib.audit_log import change

CHUNK = 1_000
GOING_ON = (PauseState.TO_COME, PauseState.RUNNING)


class PauseRefused(Exception):
    """A subscription cannot be paused or resumed as asked; the text says why and what to do."""


def pause(
    *,
    subscription: Subscription,
    at: datetime,
    starts_at: datetime | None = None,
    at_period_end: bool = False,
    ends_at: datetime | None = None,
    give_back: Literal["credit", "refund"] = "credit",
    reason: str = "",
    by: AbstractBaseUser | None = None,
) -> Pause:
    """
    Let a subscription have no periods from a moment on, and return its pause.

    starts_at: `at` or later; now when absent, or the instant after the last usage that is recorded.
    ends_at: when it goes on by itself; when it is resumed when absent.

    The period that the pause begins in ends there and is billed; what was paid in advance for the rest of it is given
    back by a credit note then. Its features stay its own. Until it begins, `resume` takes the pause back.

    :raises PauseRefused: if it is not running, in its trial, paused already, to move to another version later, or to
        end before; if a moment is past, usage is recorded after it, or a level is charged.
    """
    with change("pause", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        periods = locked_periods(subscription)
        running = _running(subscription, periods, starts_at or at)
        if at_period_end:
            starts_at = running.ends_at
        elif starts_at is None:
            starts_at = after_usage(subscription, running, at)
        _check(subscription, starts_at, ends_at, at=at)
        starts_at = after_what_is_paid(periods, starts_at)
        if running.starts_at < starts_at < running.ends_at:
            for why in cannot_be_split([running.version_id]).values():
                raise PauseRefused(f"{why}: pause it at the period's end.")
        try:
            shorter = cut(subscription, periods, starts_at)
        except UsageInTheWay as error:
            raise PauseRefused(str(error)) from error
        settles = Settling.REFUND if give_back == "refund" else Settling.BALANCE
        if shorter is not None:
            Period.objects.filter(pk=shorter.pk).update(settles=settles)
        made = Pause.objects.create(
            subscription=subscription,
            starts_at=starts_at,
            ends_at=ends_at,
            settles=settles,
            reason=reason,
            created_at=at,
        )
        follow_pauses(at=at, subscription_ids=[subscription.pk])
        extend_one(subscription_id=subscription.pk, until=at + AHEAD)
        grant_included(subscription_ids=[subscription.pk], at=at)
        made.refresh_from_db()
        return made


def resume(
    *,
    subscription: Subscription,
    at: datetime,
    resumes_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> Pause:
    """
    Let a paused subscription go on at a moment, and return its pause; one that has not begun is taken back.

    resumes_at: now when absent; to come, or past, so that usage since then is billed once it is tried again.

    Periods go on from the anchor, so the first one is a part of an interval. What is due in advance of it is billed
    at once; in the interval that the pause began in, it has its part of the allowance.

    :raises PauseRefused: if it is not paused, it ends before that, or usage is counted in what was to follow.
    """
    with change("resume", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        found = Pause.objects.filter(subscription=subscription, state__in=GOING_ON).first()
        if found is None or (found.ends_at is not None and found.ends_at <= at):
            raise PauseRefused(f"{subscription} is not paused.")
        resumes_at = resumes_at or at
        if subscription.ends_at is not None and resumes_at >= subscription.ends_at:
            raise PauseRefused(f"{subscription} ends at {subscription.ends_at}: choose a moment before that.")
        periods = locked_periods(subscription)
        _remove_after(subscription, periods, found.starts_at)
        before = next((one for one in reversed(periods) if _ends_with(one, found)), None)
        if resumes_at <= found.starts_at and before is not None and before.state == PeriodState.OPEN:
            lengthen(subscription, before)
            found.state = PauseState.REVOKED
        else:
            found.ends_at = max(resumes_at, found.starts_at + TICK)
        found.save(update_fields=["state", "ends_at"])
        follow_pauses(at=at, subscription_ids=[subscription.pk])
        _go_on(subscription, at)
        extend_one(subscription_id=subscription.pk, until=at + AHEAD)
        grant_included(subscription_ids=[subscription.pk], at=at)
        found.refresh_from_db()
        return found


def end_pause(subscription: Subscription, *, ends_at: datetime, at: datetime) -> None:
    """Let no pause of a subscription that the caller holds go on beyond its end."""
    found = Pause.objects.filter(subscription=subscription, state__in=GOING_ON).first()
    if found is None:
        return
    if found.starts_at >= ends_at:
        found.state = PauseState.REVOKED
    elif found.ends_at is None or found.ends_at > ends_at:
        found.ends_at = ends_at
    found.save(update_fields=["state", "ends_at"])
    follow_pauses(at=at, subscription_ids=[subscription.pk])


def follow_pauses(
    *, at: datetime, clock: int | None = None, subscription_ids: list[int] | None = None, limit: int = CHUNK
) -> int:
    """
    Mark pauses that have begun or are over, and their subscriptions, and tell so; return how many were.

    Periods say what is due, so a state that lags behind bills nothing wrong. May run twice, or several times at once.
    clock: of customers in this test clock's time, in real time for None; or only those of these subscriptions.
    """
    moved = 0
    while True:
        with change("follow pauses", by=None, at=at):
            due = Pause.objects.filter(
                Q(state=PauseState.TO_COME, starts_at__lte=at) | Q(state=PauseState.RUNNING, ends_at__lte=at)
            )
            if subscription_ids is None:
                due = due.filter(in_time_of(clock, "subscription__customer"))
            else:
                due = due.filter(subscription__in=subscription_ids)
            # Subscriptions before their pauses, as everybody locks them.
            ids = Subscription.objects.filter(pk__in=due.values("subscription")).order_by("pk")
            held = list(ids.select_for_update(no_key=True, skip_locked=True)[:limit])
            for one in due.filter(subscription__in=held).select_related("subscription__customer"):
                _follow(one, at)
        moved += len(held)
        if len(held) < limit:
            return moved


def _follow(one: Pause, at: datetime) -> None:
    is_over = one.ends_at is not None and one.ends_at <= at
    one.state = PauseState.OVER if is_over else PauseState.RUNNING
    one.save(update_fields=["state"])
    subscription = one.subscription
    if is_over:
        _go_on(subscription, at)
    elif subscription.state in RUNNING:
        Subscription.objects.filter(pk=subscription.pk).update(state=SubscriptionState.PAUSED)
    announce(
        kind="subscription.resumed" if is_over else "subscription.paused",
        customer_id=subscription.customer_id,
        facts={
            "subscription": subscription.external_id,
            "paused_at": one.starts_at.isoformat(),
            "resumes_at": one.ends_at.isoformat() if one.ends_at else None,
        },
        key=f"pause:{one.pk}:{one.state}",
        at=at,
    )


def _go_on(subscription: Subscription, at: datetime) -> None:
    """Let a subscription be active again, unless a pause of it is running."""
    running = Pause.objects.filter(subscription=subscription, state=PauseState.RUNNING)
    if not running.exists():
        paused = Subscription.objects.filter(pk=subscription.pk, state=SubscriptionState.PAUSED)
        paused.update(state=SubscriptionState.ACTIVE)


def _running(subscription: Subscription, periods: list[Period], moment: datetime) -> Period:
    if subscription.state not in RUNNING:
        raise PauseRefused(f"{subscription} is {subscription.get_state_display()}: only a running one is paused.")
    found = [one for one in periods if one.kind == PeriodKind.REGULAR and one.state == PeriodState.OPEN]
    running = next((one for one in found if one.starts_at <= moment < one.ends_at), None)
    if running is None and found and moment >= found[-1].ends_at:
        running = found[-1]  # a moment to come, in a period that is not made yet
    if running is None:
        raise PauseRefused(f"{subscription} has no open period at {moment:%Y-%m-%d %H:%M %Z}: choose a later moment.")
    return running


def _check(subscription: Subscription, starts_at: datetime, ends_at: datetime | None, *, at: datetime) -> None:
    if starts_at < at:
        raise PauseRefused(f"{starts_at:%Y-%m-%d %H:%M %Z} is past: pause {subscription} now or at a later moment.")
    if ends_at is not None and ends_at <= starts_at:
        raise PauseRefused(f"It would go on ({ends_at}) before it is paused ({starts_at}): choose a later moment.")
    if subscription.trial_ends_at is not None and starts_at < subscription.trial_ends_at:
        raise PauseRefused(
            f"{subscription} is in its trial until {subscription.trial_ends_at}: let that last longer instead."
        )
    last = max(filter(None, [starts_at, ends_at]))
    if subscription.ends_at is not None and subscription.ends_at <= last:
        raise PauseRefused(f"{subscription} ends at {subscription.ends_at}: choose moments before that.")
    if pending := Pause.objects.filter(subscription=subscription, state__in=GOING_ON).first():
        raise PauseRefused(f"{subscription} is paused from {pending.starts_at} on already: resume it first.")
    to_come = subscription.changes.filter(state=ChangeState.PENDING, moment__gte=starts_at)
    if move := to_come.select_related("version__plan").first():
        raise PauseRefused(f"{subscription} moves to {move.version} at {move.moment}: withdraw that first.")


def _remove_after(subscription: Subscription, periods: list[Period], moment: datetime) -> None:
    """Remove what was made ahead of its time for the end that the pause had."""
    ahead = [one for one in periods if one.starts_at > moment]
    try:
        cut(subscription, [one for one in ahead if one.kind == PeriodKind.REGULAR], moment)
    except UsageInTheWay as error:
        raise PauseRefused(str(error)) from error
    openings = [one.pk for one in ahead if one.kind == PeriodKind.OPENING and one.state == PeriodState.OPEN]
    Period.objects.filter(pk__in=openings).delete()


def _ends_with(period: Period, found: Pause) -> bool:
    return period.kind == PeriodKind.REGULAR and period.ends_at == found.starts_at
