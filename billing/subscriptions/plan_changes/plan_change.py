"""Move a subscription to another plan version in the middle of a period: docs/closing.md#plan-changes."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

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


class ChangeRefused(SubscriptionRefused):
    """A subscription cannot move to another version as asked; the text says why and what to do."""


def change_plan(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> Period:
    """
    Split the running period of a subscription at a moment, and return its new part, which the new version rates.

    moment: `at` or up to two hours later; when absent, now: `at`, or the instant after the last usage that is
        recorded, should some be ahead of it.

    What was used before is billed by the old version with its whole allowance; the old part is due at once, after the
    seller's grace, with the credit for its unused fees and the charge for the new ones on the same document. The new
    part *continues* the old one: see docs/closing.md#plan-changes. In a trial both are parts of it, whose end stays.

    :raises ChangeRefused: if it is not running then, on that version already, or the version is not published or not
        offered in its currency; if usage is counted for a time after the moment, or a level is charged.
    :raises FeatureAlreadyPriced: if another subscription of the customer covers a feature of the new version.
    """
    with audited_transaction("change plan", by=by, at=at):
        # One at a time per customer, as when they subscribe: coverage would otherwise wait in a circle.
        Customer.objects.select_for_update(no_key=True).get(pk=subscription.customer_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        apply_due_changes(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        _revoke(subscription, instead=version, at=at)
        read_subscribable_terms(version, subscription.currency, sandbox=subscription.sandbox, at=at)
        periods = lock_periods(subscription)
        running = _running(subscription, periods, moment or at)
        moment = _moment(subscription, running, at=at, moment=moment)
        _check(subscription, version, moment, at=at)
        if not running.is_trial:
            _check_levels(running.version, version)
        try:
            shorten_periods(subscription, periods, moment)
        except UsageAfterCutoff as error:
            raise ChangeRefused(str(error)) from error
        former_id, subscription.version = subscription.version_id, version
        subscription.save(update_fields=["version"])
        cover_features(subscription, since=moment)
        invalidate_cached_periods(subscription, since=moment)
        part = create_new_part(running, moment, version=version)
        grant_included(subscription_ids=[subscription.pk], at=at)
        announce_version_changes([VersionChange(subscription.pk, former_id, version.pk, moment)], at=at)
        return part


def _revoke(subscription: Subscription, *, instead: PlanVersion, at: datetime) -> None:
    """Revoke what is to come for a subscription, so that it covers what it did."""
    try:
        with transaction.atomic():
            revoke_pending([subscription.pk], problem=f"It changes to {instead} instead.", at=at)
    except IntegrityError as error:
        raise ChangeRefused(
            f"Another subscription covers what {subscription} was to give up by the change that is to come: end that"
            " one first."
        ) from error


def create_new_part(running: Period, moment: datetime, *, version: PlanVersion) -> Period:
    """
    Return the new part of a period that was cut at a moment, billed by `version`.

    It lasts to where the version's interval ends; that of a trial as long as the trial.
    """
    subscription = running.subscription
    customer = subscription.customer
    terms = load_terms(version.pk, subscription.currency)
    anchor = period_anchor(terms, anchor_at=subscription.anchor_at, time_zone=customer.time_zone)
    ((_, ends_at),) = period_intervals(anchor, start=moment, until=moment + TICK, end=subscription.ends_at)
    if running.is_trial:
        ends_at = min(subscription.trial_ends_at, subscription.ends_at or subscription.trial_ends_at)
    return Period.objects.create(
        subscription=subscription,
        version=version,
        continues=None if running.is_trial else running,
        is_trial=running.is_trial,
        starts_at=moment,
        ends_at=ends_at,
        due_at=ends_at + customer.seller.grace,
    )


def _check_levels(*versions: PlanVersion) -> None:
    """Refuse to split what is no sum."""
    for why in split_blockers([version.pk for version in versions]).values():
        raise ChangeRefused(f"{why}: change the plan at the period's end.")


def _running(subscription: Subscription, periods: list[Period], moment: datetime) -> Period:
    for period in periods:
        if (
            period.kind == PeriodKind.REGULAR
            and period.state == PeriodState.OPEN
            and period.starts_at <= moment < period.ends_at
        ):
            return period
    raise ChangeRefused(
        f"{subscription} has no open period at {moment:%Y-%m-%d %H:%M %Z}: choose a moment at which it runs."
    )


def _moment(subscription: Subscription, running: Period, *, at: datetime, moment: datetime | None) -> datetime:
    """Return when the change takes effect: never at the very start of a period, since both parts have a duration."""
    if moment is None:
        moment = moment_after_usage(subscription, running, at)
    return max(moment, running.starts_at + TICK)


def _check(subscription: Subscription, version: PlanVersion, moment: datetime, *, at: datetime) -> None:
    if subscription.state not in RUNNING_STATES:
        raise ChangeRefused(
            f"{subscription} is {subscription.get_state_display()}: only a running one changes plans."
        )
    if subscription.pauses.filter(state="to_come").exists():
        raise ChangeRefused(f"{subscription} is to be paused: take that back first, or change it once it goes on.")
    if version.pk == subscription.version_id:
        raise ChangeRefused(f"{subscription} is on {version} already.")
    if moment < at:
        raise ChangeRefused(f"{moment:%Y-%m-%d %H:%M %Z} is past: change {subscription} now or at a later moment.")
    if moment > at + PERIOD_LEAD_TIME:
        raise ChangeRefused(
            f"{moment:%Y-%m-%d %H:%M %Z} is too far ahead to split a period: at most {PERIOD_LEAD_TIME} from now."
        )
