"""Change the plan of a subscription in the middle of a period: docs/closing.md#plan-changes."""

from datetime import datetime
from typing import Literal

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing.models import Period, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.lifecycle.creation import read_subscribable_terms
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from billing.subscriptions.periods.boundaries import TICK, period_anchor, period_intervals
from billing.subscriptions.periods.cutoff import (
    UsageAfterCutoff,
    lock_periods,
    moment_after_usage,
    shorten_periods,
    split_blockers,
)
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.revocation import revoke_pending
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import (
    SubscriptionRefused,
    cover_features,
    invalidate_cached_periods,
)
from customers.models import Customer
from lib.audit_log import audited_transaction
from plans.catalog.stored_terms import load_terms
from plans.models import PlanVersion

BillingPeriodChoice = Literal["keep", "restart"]
"""Whether a plan change keeps the billing period or restarts it."""


class ChangeRefused(SubscriptionRefused):
    """The plan change isn't possible; the text gives the reason and the remedy."""


def change_plan(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    billing_period: BillingPeriodChoice = "keep",
    by: User | None = None,
) -> Period:
    """
    Split the running period of a subscription at a time, and return its new part, which the new version rates.

    moment: `at` or up to two hours later; default: `at`, or just after the last recorded usage if that is later.
    billing_period: `restart` begins a whole billing period at that time, from which later ones are counted.

    Earlier usage is billed by the old version with its whole allowance. The old part is due at once, after the
    seller's grace period, with the credit for its unused fees and the charge for the new ones on the same invoice.
    The new part *continues* the old one: see docs/closing.md#plan-changes. In a trial both are parts of the trial,
    whose end stays. A restarted period continues none: docs/closing.md#restarted-billing-periods.

    :raises ChangeRefused: if the subscription is not running at that time, on that version already, or the version is
        not published or not offered in its currency; if usage is counted after that time, a level is priced that
        cannot be split, or a billing period cannot restart.
    :raises FeatureAlreadyPriced: if another subscription of the customer covers a feature of the new version.
    """
    with audited_transaction("change plan", by=by, at=at):
        # One change per customer at a time, as at creation: overlapping coverages would deadlock.
        Customer.objects.select_for_update(no_key=True).get(pk=subscription.customer_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        # A scheduled change whose time has come is made first: it is billed already.
        apply_due_changes(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        _revoke_scheduled(subscription, instead=version, at=at)
        read_subscribable_terms(version, subscription.currency, sandbox=subscription.sandbox, at=at)
        periods = lock_periods(subscription)
        running_period = _find_running_period(subscription, periods, moment or at)
        moment = _effective_time(subscription, running_period, at=at, moment=moment)
        _check_change(subscription, version, moment, at=at)
        restarts = billing_period == "restart"
        if restarts:
            check_restart(version, subscription.currency, in_trial=running_period.is_trial)
        if not running_period.is_trial:
            _check_splittable(running_period.version, *([] if restarts else [version]))
        try:
            shorten_periods(subscription, periods, moment)
        except UsageAfterCutoff as error:
            raise ChangeRefused(str(error)) from error
        former_id, subscription.version = subscription.version_id, version
        subscription.save(update_fields=["version"])
        cover_features(subscription, since=moment)
        # Usage that another subscription had alone may now belong to this one as well.
        invalidate_cached_periods(subscription, since=moment)
        new_part = create_new_part(running_period, moment, version=version, restarts=restarts)
        grant_included(subscription_ids=[subscription.pk], at=at)
        announce_version_changes([VersionChange(subscription.pk, former_id, version.pk, moment)], at=at)
        return new_part


def _revoke_scheduled(subscription: Subscription, *, instead: PlanVersion, at: datetime) -> None:
    """Revoke the scheduled change of a subscription, and restore its coverage."""
    try:
        with transaction.atomic():
            revoke_pending([subscription.pk], problem=f"It changes to {instead} instead.", at=at)
    except IntegrityError as error:
        raise ChangeRefused(
            _("Another subscription covers features that %(subscription)s gives up with its change. End it first.")
            % {"subscription": subscription}
        ) from error


def create_new_part(running: Period, moment: datetime, *, version: PlanVersion, restarts: bool = False) -> Period:
    """
    Create the new part of a period that was split at a time, billed by `version`.

    It lasts to the end of the version's interval; in a trial, to the end of the trial. restarts: a whole interval
    begins at that time instead.
    """
    subscription = running.subscription
    customer = subscription.customer
    terms = load_terms(version.pk, subscription.currency)
    anchor_at = moment if restarts else running.anchor_at
    anchor = period_anchor(terms, anchor_at=anchor_at or subscription.anchor_at, time_zone=customer.time_zone)
    ((_, ends_at),) = period_intervals(anchor, start=moment, until=moment + TICK, end=subscription.ends_at)
    if running.is_trial:
        assert subscription.trial_ends_at is not None  # noqa: S101  a trial has an end
        ends_at = min(subscription.trial_ends_at, subscription.ends_at or subscription.trial_ends_at)
    return Period.objects.create(
        subscription=subscription,
        version=version,
        continues=None if running.is_trial or restarts else running,
        anchor_at=anchor_at,
        is_trial=running.is_trial,
        starts_at=moment,
        ends_at=ends_at,
        due_at=ends_at + subscription.seller.grace,
    )


def check_restart(version: PlanVersion, currency: str, *, in_trial: bool = False) -> None:
    """
    Check that a whole billing period on a version can begin at any time.

    :raises ChangeRefused: if the version's periods follow the calendar, or the subscription is in its trial.
    """
    if load_terms(version.pk, currency).anchor == "calendar":
        raise ChangeRefused(
            _("The periods of %(version)s follow the calendar, so they can't restart. Keep the billing period.")
            % {"version": version}
        )
    if in_trial:
        raise ChangeRefused(_("The first billing period begins after the trial. Keep the billing period."))


def _check_splittable(*versions: PlanVersion) -> None:
    """Refuse to split periods in which a quantity is not a sum."""
    for blocker in split_blockers([version.pk for version in versions]).values():
        raise ChangeRefused(_("%(blocker)s Change the plan at the end of the period.") % {"blocker": blocker})


def _find_running_period(subscription: Subscription, periods: list[Period], moment: datetime) -> Period:
    for period in periods:
        if (
            period.kind == PeriodKind.REGULAR
            and period.state == PeriodState.OPEN
            and period.starts_at <= moment < period.ends_at
        ):
            return period
    raise ChangeRefused(
        _("%(subscription)s has no open period at %(time)s. Choose a time at which it is active.")
        % {"subscription": subscription, "time": f"{moment:%Y-%m-%d %H:%M %Z}"}
    )


def _effective_time(
    subscription: Subscription, running: Period, *, at: datetime, moment: datetime | None
) -> datetime:
    """
    Return when the change takes effect: never exactly at the start of a period, because both parts need a duration.
    """
    if moment is None:
        moment = moment_after_usage(subscription, running, at)
    return max(moment, running.starts_at + TICK)


def _check_change(subscription: Subscription, version: PlanVersion, moment: datetime, *, at: datetime) -> None:
    if subscription.state not in RUNNING_STATES:
        raise ChangeRefused(
            _("%(subscription)s is %(state)s. Only an active subscription can change its plan.")
            % {"subscription": subscription, "state": subscription.get_state_display()}
        )
    if subscription.pauses.filter(state="to_come").exists():
        raise ChangeRefused(
            _("%(subscription)s is scheduled to pause. Cancel the pause first, or change the plan after it.")
            % {"subscription": subscription}
        )
    if version.pk == subscription.version_id:
        raise ChangeRefused(
            _("%(subscription)s is already on %(version)s.") % {"subscription": subscription, "version": version}
        )
    if moment < at:
        raise ChangeRefused(
            _("%(time)s is in the past. Change %(subscription)s now or at a later time.")
            % {"time": f"{moment:%Y-%m-%d %H:%M %Z}", "subscription": subscription}
        )
    if moment > at + PERIOD_LEAD_TIME:
        raise ChangeRefused(
            _("%(time)s is too far ahead to split a period. Choose a time at most %(lead)s from now.")
            % {"time": f"{moment:%Y-%m-%d %H:%M %Z}", "lead": PERIOD_LEAD_TIME}
        )
