"""Trials, the time before a subscription's first fees: docs/closing.md#trials."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import Period, Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.notifications import announce_for_each, announce_update
from billing.subscriptions.periods.boundaries import TICK, days_after
from billing.subscriptions.periods.cutoff import UsageAfterCutoff, lock_periods, moment_after_usage, shorten_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from billing.subscriptions.terms.price_overrides import Agreement
from customers.customer_time import clock_filter
from customers.models import Customer
from lib.audit_log import audited_transaction
from lib.field_types import MAX_TRIAL_DAYS
from lib.queue import lock_free_rows, repeat_while_full
from plans.models import PlanVersion

# Rows per transaction, which bounds the time that they stay locked and the work that a crash repeats.
BATCH_SIZE = 1_000


class TrialRefused(SubscriptionRefused):
    """A trial can't start, end or be extended as requested; the text gives the reason and the remedy."""


def find_trial_end(
    customer: Customer, version: PlanVersion, *, starts_at: datetime, days: int | None
) -> datetime | None:
    """
    Return when the trial of a new subscription ends, by its customer's time zone; None if it has none.

    days: agreed with the customer; None means the version's, unless the customer had a trial of the plan before.

    :raises SubscriptionRefused: if it would be longer than `MAX_TRIAL_DAYS`.
    """
    if days is None:
        # Periods, not subscriptions: a canceled trial counts too.
        former_trials = Period.objects.filter(
            subscription__customer=customer, is_trial=True, version__plan=version.plan_id
        )
        days = 0 if not version.trial_days or former_trials.exists() else version.trial_days
    if not 0 <= days <= MAX_TRIAL_DAYS:
        raise SubscriptionRefused(
            _("A trial can last 0 to %(most)s days, not %(days)s.") % {"most": MAX_TRIAL_DAYS, "days": days}
        )
    return days_after(starts_at, days, time_zone=customer.time_zone) if days else None


def complete_trials(*, at: datetime, clock_id: int | None = None, limit: int = BATCH_SIZE) -> int:
    """
    Activate the subscriptions whose trial is over; return how many.

    clock_id: limits the work to customers on this test clock; None means real time.

    Billing depends on periods only, so a late update bills nothing wrong. Safe to repeat and to run concurrently.
    """
    finished = Subscription.objects.filter(state=SubscriptionState.TRIALING, trial_ends_at__lte=at).only("pk")
    finished = finished.filter(clock_filter(clock_id)).order_by("pk")

    def complete_batch() -> int:
        with audited_transaction("trial is over", by=None, at=at):
            ids = [subscription.pk for subscription in lock_free_rows(finished, limit=limit)]
            Subscription.objects.filter(pk__in=ids).update(state=SubscriptionState.ACTIVE)
            announce_for_each("subscription.trial_ended", ids, at=at)
        return len(ids)

    return repeat_while_full(complete_batch, size=limit)


def end_trial(*, subscription: Subscription, at: datetime, by: User | None = None) -> Period:
    """
    Start the first paid period of a subscription now, and return the trial, which is due after the grace period.

    Now is `at`, or just after the last recorded usage if that is later.

    :raises TrialRefused: if it is not in a trial or the trial hasn't started, a plan change is scheduled for its end,
        or overrides or commitments in between prevent it.
    """
    with audited_transaction("end the trial", by=by, at=at):
        subscription, periods, trial = _lock_trial(subscription, at)
        if at < trial.starts_at:
            raise TrialRefused(
                _("The trial of %(subscription)s starts at %(time)s. Cancel the subscription instead.")
                % {"subscription": subscription, "time": f"{trial.starts_at:%Y-%m-%d %H:%M %Z}"}
            )
        moment = max(moment_after_usage(subscription, trial, at), trial.starts_at + TICK)
        return _move_trial_end(subscription, periods, trial, min(moment, trial.ends_at), at=at)


def extend_trial(*, subscription: Subscription, ends_at: datetime, at: datetime, by: User | None = None) -> Period:
    """
    Extend a trial that is not over, and return it.

    :raises TrialRefused: if it is not in a trial, a plan change is scheduled for its end, the trial ends later
        already, ends with its subscription, would be too long, or overrides or commitments prevent it.
    """
    with audited_transaction("extend the trial", by=by, at=at):
        subscription, periods, trial = _lock_trial(subscription, at)
        longest = days_after(subscription.starts_at, MAX_TRIAL_DAYS, time_zone=subscription.customer.time_zone)
        if ends_at <= trial.ends_at:
            raise TrialRefused(
                _("The trial of %(subscription)s lasts until %(time)s. Choose a later time.")
                % {"subscription": subscription, "time": f"{trial.ends_at:%Y-%m-%d %H:%M %Z}"}
            )
        if ends_at > longest:
            raise TrialRefused(
                _("A trial can last at most %(most)s days. Choose a time until %(time)s.")
                % {"most": MAX_TRIAL_DAYS, "time": f"{longest:%Y-%m-%d %H:%M %Z}"}
            )
        if subscription.ends_at is not None and ends_at > subscription.ends_at:
            raise TrialRefused(
                _("%(subscription)s ends at %(time)s. Choose an earlier time.")
                % {"subscription": subscription, "time": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}"}
            )
        return _move_trial_end(subscription, periods, trial, ends_at, at=at)


def _lock_trial(subscription: Subscription, at: datetime) -> tuple[Subscription, list[Period], Period]:
    """Lock a subscription and its periods; return them with the last part of the trial."""
    subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    if subscription.state != SubscriptionState.TRIALING or at >= (subscription.trial_ends_at or at):
        raise TrialRefused(
            _("%(subscription)s has no trial whose end could change.") % {"subscription": subscription}
        )
    pending_changes = subscription.changes.filter(state=ChangeState.PENDING)
    if pending_change := pending_changes.select_related("version__plan").first():
        raise TrialRefused(
            _("%(subscription)s moves to %(version)s at %(time)s. Revoke that change first.")
            % {
                "subscription": subscription,
                "version": pending_change.version,
                "time": f"{pending_change.moment:%Y-%m-%d %H:%M %Z}",
            }
        )
    periods = lock_periods(subscription)
    return subscription, periods, [period for period in periods if period.is_trial][-1]


def _move_trial_end(
    subscription: Subscription, periods: list[Period], trial: Period, ends_at: datetime, *, at: datetime
) -> Period:
    """Move the end of a trial, and with it the start of the paid periods that exist already."""
    try:
        shorten_periods(subscription, periods, min(ends_at, trial.ends_at))
    except UsageAfterCutoff as error:
        raise TrialRefused(str(error)) from error
    trial.ends_at, trial.due_at = ends_at, ends_at + subscription.seller.grace
    trial.revision += 1
    trial.save(update_fields=["ends_at", "due_at", "revision"])
    if ends_at != subscription.trial_ends_at:
        _move_agreements(subscription, ends_at)
    # Periods are anchored at the trial's end unless the anchor was set explicitly.
    if subscription.anchor_at == subscription.trial_ends_at:
        subscription.anchor_at = ends_at
    subscription.trial_ends_at = ends_at
    subscription.state = SubscriptionState.TRIALING if at < ends_at else SubscriptionState.ACTIVE
    subscription.save(update_fields=["anchor_at", "trial_ends_at", "state"])
    append_periods(subscription_ids=[subscription.pk], last_period_ids=[trial.pk], until=at + PERIOD_LEAD_TIME)
    grant_included(subscription_ids=[subscription.pk], at=at)
    if subscription.state == SubscriptionState.ACTIVE:
        announce_for_each("subscription.trial_ended", [subscription.pk], at=at)
    else:
        announce_update(subscription, "trial", at=at, discriminator="", trial_ends_at=ends_at.isoformat())
    return trial


def _move_bounds(agreements: QuerySet[Agreement], former_end: datetime, ends_at: datetime) -> None:
    starting = list(agreements.filter(starts_at=former_end).exclude(ends_at=former_end))
    agreements.filter(starts_at=former_end).update(ends_at=former_end)  # an empty interval: withdrawn
    agreements.filter(starts_at__lt=former_end, ends_at=former_end).update(ends_at=ends_at)
    for agreement in starting:
        if agreement.ends_at is None or agreement.ends_at > ends_at:
            agreement.pk, agreement.starts_at = None, ends_at
            agreement.save(force_insert=True)


def _move_agreements(subscription: Subscription, ends_at: datetime) -> None:
    """
    Move the start of overrides and commitments from the trial's former end to its new one, and their ends likewise.
    """
    former_end = subscription.trial_ends_at
    assert former_end is not None  # noqa: S101  a constraint: a subscription in a trial has the trial's end
    try:
        with transaction.atomic():
            _move_bounds(subscription.overrides.all(), former_end, ends_at)
            _move_bounds(subscription.commitments.all(), former_end, ends_at)
    except IntegrityError as error:
        raise TrialRefused(
            _("%(subscription)s has custom terms between %(start)s and %(end)s. End them, then add them again.")
            % {
                "subscription": subscription,
                "start": f"{ends_at:%Y-%m-%d %H:%M %Z}",
                "end": f"{former_end:%Y-%m-%d %H:%M %Z}",
            }
        ) from error
