"""
Undo a plan change as if it had never been made, within the period in which it was made:
docs/migration.md#rollback.

The period that started with the change is marked as undone, and so is the period before it if its invoice is issued;
a credit note then credits that invoice in full. Periods under the former version replace them, the same usage is
counted in them, and the regular close bills them when they are due.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.closing.period_reversal import ReversalRefused, credit_period_invoice
from billing.metering.corrections.recount import recount_events, remove_counts
from billing.models import Accrual, Period, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from billing.subscriptions.periods.boundaries import TICK
from billing.subscriptions.periods.cutoff import lock_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from billing.subscriptions.periods.restoration import restore_period
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.revocation import revoke_pending
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import (
    SubscriptionRefused,
    cover_features,
    invalidate_cached_periods,
)
from customers.models import Customer
from lib import sql
from lib.audit_log import audited_transaction
from plans.models import Fee, PlanVersion
from plans.models.prices import BillingTiming


class RollbackRefused(SubscriptionRefused):
    """A plan change can't be undone; the text gives the reason."""


def roll_back_change(
    *,
    subscription: Subscription,
    part: Period,
    former_version: PlanVersion,
    restore: Callable[[], None] = lambda: None,
    at: datetime,
    by: User | None = None,
) -> None:
    """
    Return a subscription to its former version as if `part`, the period that started with a change, had never
    started.

    restore: restores other effects of the change, such as wallet conversions; called once the part holds no usage,
        before usage is counted under the former version.

    :raises RollbackRefused: if it has changed since or has ended, the period is over, or an invoice can't be
        credited.
    """
    with audited_transaction("undo a plan change", by=by, at=at):
        # Customer, subscription, periods: the lock order of a plan change.
        Customer.objects.select_for_update(no_key=True).get(pk=subscription.customer_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        apply_due_changes(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        revoke_pending([subscription.pk], problem=f"It goes back to {former_version} instead.", at=at)
        periods = lock_periods(subscription)
        part = _check_part(subscription, part, periods, at=at)
        former_period = _lock_period_before(part)
        is_split = part.continues_id == former_period.pk or (part.is_trial and former_period.is_trial)
        undone_periods = [part]
        # Unless the change split the period or fees reach across periods, the former period's invoice is still right.
        if former_period.state == PeriodState.CLOSED and (
            is_split or _has_fees_across_periods(part.version_id, former_version.pk)
        ):
            _credit_invoice(former_period, at=at)
            undone_periods.append(former_period)
        _delete_later(part, periods)
        # Counts go first, together with their drawdowns; the events are counted again below.
        remove_counts([period.pk for period in undone_periods], at=at)
        _mark_undone(undone_periods, at=at)
        undone_id, subscription.version = subscription.version_id, former_version
        subscription.save(update_fields=["version"])
        periods = _create_replacements(
            subscription, part, former_period, is_split=is_split, is_billed=former_period in undone_periods
        )
        _restore_coverage(subscription, since=part.starts_at)
        append_periods(
            subscription_ids=[subscription.pk], last_period_ids=[periods[-1].pk], until=at + PERIOD_LEAD_TIME
        )
        grant_included(subscription_ids=[subscription.pk], at=at)
        # Wallets must have their former units before the usage is drawn down again.
        restore()
        since = min(period.starts_at for period in undone_periods)
        # Last, when all periods and terms of the former version are in place.
        recount_events(
            subscription=subscription,
            period_ids=[period.pk for period in periods],
            since=since,
            until=periods[-1].ends_at,
            at=at,
        )
        announce_version_changes(
            [VersionChange(subscription.pk, undone_id, former_version.pk, part.starts_at)], at=at
        )


def _check_part(subscription: Subscription, part: Period, periods: Sequence[Period], *, at: datetime) -> Period:
    """Return the period's present state, if it can still be undone."""
    if subscription.state not in (*RUNNING_STATES, SubscriptionState.CANCELED):
        raise RollbackRefused(_("The subscription is %(state)s.") % {"state": subscription.get_state_display()})
    if subscription.version_id != part.version_id:
        raise RollbackRefused(
            _("The subscription has since moved to %(version)s.") % {"version": subscription.version}
        )
    current = next((period for period in periods if period.pk == part.pk), None)
    if current is None or current.state != PeriodState.OPEN or current.ends_at <= at:
        raise RollbackRefused(_("The period of the change has ended. Change the plan instead."))
    if current.starts_at > at:
        raise RollbackRefused(
            _("The change takes effect at %(time)s UTC. Roll it back after that.")
            % {"time": f"{current.starts_at:%Y-%m-%d %H:%M}"}
        )
    return current


def _lock_period_before(part: Period) -> Period:
    """Lock and return the period that the change ended."""
    regular = Period.objects.filter(subscription=part.subscription_id, kind=PeriodKind.REGULAR)
    former_period = regular.select_for_update().filter(ends_at=part.starts_at).first()
    if former_period is None:
        raise RollbackRefused(_("The subscription resumed with the change after a pause. Change the plan instead."))
    return former_period


def _has_fees_across_periods(*version_ids: int) -> bool:
    """Return whether the invoice of the period before a change depends on the period after it."""
    return Fee.objects.filter(Q(billed=BillingTiming.ADVANCE) | Q(every__gt=1), version__in=version_ids).exists()


def _credit_invoice(former_period: Period, *, at: datetime) -> None:
    """Credit the invoice of a period that will be billed again."""
    others = Period.objects.filter(subscription=former_period.subscription_id, starts_at=former_period.starts_at)
    if former_period.continues_id is not None or others.filter(kind=PeriodKind.UNDONE).exists():
        raise RollbackRefused(_("The period was split more than once and is billed. Change the plan back instead."))
    try:
        credit_period_invoice(former_period, at=at)
    except ReversalRefused as error:
        raise RollbackRefused(str(error)) from error


def _delete_later(part: Period, periods: Sequence[Period]) -> None:
    """Delete periods that were generated ahead."""
    later = [period for period in periods if period.starts_at > part.starts_at and period.kind == PeriodKind.REGULAR]
    for later_period in later:
        if later_period.counters.exists() or later_period.series.exists():
            raise RollbackRefused(_("Usage is already counted in the next period. Change the plan instead."))
        Accrual.objects.filter(period=later_period).delete()
        later_period.delete()


def _mark_undone(periods: Sequence[Period], *, at: datetime) -> None:
    """Keep the rows for their references, but close them to counting and billing."""
    for period in periods:
        is_issued = period.state == PeriodState.CLOSED
        period.kind, period.state, period.error, period.settles = PeriodKind.UNDONE, PeriodState.CLOSED, "", ""
        period.continues = period.late_since = period.retry_at = None
        # Without an invoice the period was never billed, so it becomes empty.
        if not is_issued:
            period.ends_at, period.closed_at = period.starts_at, at
        period.revision += 1
        period.save()


def _create_replacements(
    subscription: Subscription, part: Period, former_period: Period, *, is_split: bool, is_billed: bool
) -> list[Period]:
    """Create the periods under the former version that replace the undone ones, in order."""
    if is_split:
        whole_period = _create_replacement(subscription, former_period) if is_billed else former_period
        restore_period(subscription, whole_period)
        return [whole_period]
    next_period = _create_replacement(subscription, part)
    restore_period(subscription, next_period)
    return (
        [_create_replacement(subscription, former_period, former_period.ends_at), next_period]
        if is_billed
        else [next_period]
    )


def _create_replacement(subscription: Subscription, undone: Period, ends_at: datetime | None = None) -> Period:
    """Create a period that replaces another one; without `ends_at`, the caller extends it to its regular end."""
    ends_at = ends_at or undone.starts_at + TICK
    return Period.objects.create(
        subscription=subscription,
        version_id=subscription.version_id,
        is_trial=undone.is_trial,
        starts_at=undone.starts_at,
        ends_at=ends_at,
        due_at=ends_at + subscription.seller.grace,
    )


# Extends coverage that ended with the change, for features that the former version covers again.
_RESTORE_COVERAGE = """
UPDATE billing_coverage c SET during = tstzrange(lower(c.during), s.ends_at)
FROM billing_subscription s JOIN plans_planfeature f ON f.version_id = s.version_id
WHERE s.id = %s AND c.subscription_id = s.id AND f.feature_id = c.feature_id AND upper(c.during) = %s
    AND (s.ends_at IS NULL OR s.ends_at > %s)
"""


def _restore_coverage(subscription: Subscription, *, since: datetime) -> None:
    """Restore the coverage of the former version's features, and end that of all others."""
    try:
        with transaction.atomic():
            subscription.coverage.filter(Q(during__startswith__gte=since)).exclude(
                feature__offered_in__version=subscription.version_id
            ).delete()
            sql.execute(_RESTORE_COVERAGE, [subscription.pk, since, since])
    except IntegrityError as error:
        raise RollbackRefused(
            _("Another subscription now covers its former features. End that one first.")
        ) from error
    cover_features(subscription, since=since)
    invalidate_cached_periods(subscription, since=since)
