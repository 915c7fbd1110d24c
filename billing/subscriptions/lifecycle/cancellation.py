"""Cancel a subscription now, at the end of its period, or at a date; undo the cancellation before it takes effect."""

from datetime import datetime
from typing import Literal

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing.models import Coverage, Period, Subscription
from billing.models.periods import PeriodKind, PeriodState, SettlementMethod
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.lifecycle.completion import end_finished
from billing.subscriptions.lifecycle.pauses import shorten_pause
from billing.subscriptions.notifications import announce_event
from billing.subscriptions.periods.cutoff import (
    UsageAfterCutoff,
    lock_periods,
    moment_after_usage,
    shorten_periods,
    skip_paid_boundary,
)
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from billing.subscriptions.periods.restoration import restore_period
from billing.subscriptions.plan_changes.revocation import revoke_changes_after_end
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import end_coverage, extend_coverage
from customers.models import Customer
from lib.audit_log import audited_transaction

UnusedTimeSettlement = Literal["none", "credit", "refund"]
"""Settlement of fees paid in advance for time after the end."""

SETTLEMENT_BY_CHOICE = {
    "none": SettlementMethod.CHARGE,
    "credit": SettlementMethod.BALANCE,
    "refund": SettlementMethod.REFUND,
}


class CancellationRefused(Exception):
    """A cancellation or its undoing isn't possible; the text gives the reason and the remedy."""


def cancel(
    *,
    subscription: Subscription,
    at: datetime,
    ends_at: datetime | None = None,
    give_back: UnusedTimeSettlement = "none",
    by: User | None = None,
) -> Subscription:
    """
    End a subscription at `ends_at`, which is `at` or later; by default at the end of the running period.

    The period that contains the end is shortened, and later ones are deleted. Fees in arrears are prorated when the
    period closes; fees paid in advance for the rest stay paid, or are credited then. A period that is paid for is
    never deleted: an end exactly at its start is delayed by the least possible time. An end at `at` itself is delayed
    until just after the last recorded usage, if some is recorded at or after that time.

    Source: docs/closing.md#cancellations.

    :raises CancellationRefused: if it has ended, ends earlier already, or the end is past.
    """
    with audited_transaction("cancel", by=by, at=at):
        # Subscription first, then its periods: the lock order of every change of a subscription.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        periods = lock_periods(subscription)
        running_period = next((period for period in periods if period.starts_at <= at < period.ends_at), None)
        ends_at = ends_at or (running_period.ends_at if running_period else max(at, subscription.starts_at))
        _check_cancellation(subscription, ends_at, at=at)
        if ends_at == at and running_period is not None:
            ends_at = moment_after_usage(subscription, running_period, at)
        # A period that was billed in advance at its start must exist to be credited.
        ends_at = skip_paid_boundary(periods, ends_at)
        try:
            shortened = shorten_periods(subscription, periods, ends_at)
        except UsageAfterCutoff as error:
            raise CancellationRefused(str(error)) from error
        # A trial has no fees to settle.
        if shortened is not None and not shortened.is_trial:
            Period.objects.filter(pk=shortened.pk).update(settles=SETTLEMENT_BY_CHOICE[give_back])
        end_coverage(Coverage.objects.filter(subscription=subscription), at=ends_at)
        shorten_pause(subscription, ends_at=ends_at, at=at)
        if subscription.state != SubscriptionState.CANCELED:
            # A second, earlier cancellation keeps the end that the term had.
            subscription.term_ends_at = subscription.ends_at
        subscription.state = SubscriptionState.CANCELED
        subscription.canceled_at = at
        subscription.ends_at, subscription.settles = ends_at, SETTLEMENT_BY_CHOICE[give_back]
        subscription.save(update_fields=["state", "canceled_at", "ends_at", "term_ends_at", "settles"])
        revoke_changes_after_end(subscription, at=at)
        grant_included(subscription_ids=[subscription.pk], at=at)
        announce_event(
            "canceled", subscription, at=at, facts={"ends_at": ends_at.isoformat(), "give_back": give_back}
        )
        # If nothing is left to bill, it ends at once.
        end_finished(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        return subscription


def uncancel(*, subscription: Subscription, at: datetime, by: User | None = None) -> Subscription:
    """
    Undo a cancellation before its end: the subscription continues as if it had never been canceled.

    Its last period gets its former end, and the fees in advance for the rest of it are billed when it closes. A plan
    change that the cancellation revoked stays revoked.

    :raises CancellationRefused: if it is not canceled, has ended, never started, or another subscription of the
        customer covers one of its features by now.
    """
    with audited_transaction("undo a cancellation", by=by, at=at):
        # As in a plan change: one change per customer at a time, because coverage of features is extended.
        Customer.objects.select_for_update(no_key=True).get(pk=subscription.customer_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        former_end, last_period = _lock_last_period(subscription, at=at)
        subscription.ends_at, subscription.term_ends_at = subscription.term_ends_at, None
        in_trial = subscription.trial_ends_at is not None and subscription.trial_ends_at > at
        subscription.state = SubscriptionState.TRIALING if in_trial else SubscriptionState.ACTIVE
        subscription.canceled_at, subscription.settles = None, ""
        subscription.save(update_fields=["state", "canceled_at", "ends_at", "term_ends_at", "settles"])
        try:
            # A savepoint: the constraint's error must not break the outer transaction.
            with transaction.atomic():
                extend_coverage(subscription, former_end=former_end)
        except IntegrityError as error:
            raise CancellationRefused(
                _("Another subscription covers features of %(subscription)s from %(time)s. End it first.")
                % {"subscription": subscription, "time": f"{former_end:%Y-%m-%d %H:%M %Z}"}
            ) from error
        restore_period(subscription, last_period)
        append_periods(
            subscription_ids=[subscription.pk], last_period_ids=[last_period.pk], until=at + PERIOD_LEAD_TIME
        )
        grant_included(subscription_ids=[subscription.pk], at=at)
        announce_event("cancellation_withdrawn", subscription, at=at, facts={})
        return subscription


def _check_cancellation(subscription: Subscription, ends_at: datetime, *, at: datetime) -> None:
    if subscription.state == SubscriptionState.ENDED:
        raise CancellationRefused(_("%(subscription)s has already ended.") % {"subscription": subscription})
    if subscription.state == SubscriptionState.DRAFT:
        raise CancellationRefused(
            _("%(subscription)s is a draft. Discard it instead.") % {"subscription": subscription}
        )
    if ends_at < at:
        raise CancellationRefused(
            _("%(time)s is in the past. Cancel %(subscription)s now or at a later time.")
            % {"time": f"{ends_at:%Y-%m-%d %H:%M %Z}", "subscription": subscription}
        )
    if ends_at < subscription.starts_at:
        raise CancellationRefused(
            _("%(subscription)s starts later. Cancel it at %(time)s.")
            % {"subscription": subscription, "time": f"{subscription.starts_at:%Y-%m-%d %H:%M %Z}"}
        )
    if subscription.ends_at is not None and ends_at > subscription.ends_at:
        raise CancellationRefused(
            _("%(subscription)s already ends at %(time)s. Choose an earlier time.")
            % {"subscription": subscription, "time": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}"}
        )


def _lock_last_period(subscription: Subscription, *, at: datetime) -> tuple[datetime, Period]:
    """Lock the periods of a canceled subscription; return its end, and the period that the cancellation shortened."""
    periods = lock_periods(subscription)
    last_period = next((period for period in reversed(periods) if period.kind == PeriodKind.REGULAR), None)
    if subscription.state != SubscriptionState.CANCELED or subscription.ends_at is None:
        raise CancellationRefused(
            _("%(subscription)s is %(state)s, so there is no cancellation to undo.")
            % {"subscription": subscription, "state": subscription.get_state_display()}
        )
    if subscription.ends_at <= at:
        raise CancellationRefused(
            _("%(subscription)s ended at %(time)s. Create a new subscription instead.")
            % {"subscription": subscription, "time": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}"}
        )
    if last_period is None or last_period.state != PeriodState.OPEN:
        raise CancellationRefused(
            _("%(subscription)s was canceled before its start or during a pause. Create a new subscription instead.")
            % {"subscription": subscription}
        )
    return subscription.ends_at, last_period
