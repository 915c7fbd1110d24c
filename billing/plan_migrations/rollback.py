"""
Undo a plan change as if it had never been made, in the period that it was made in: docs/migration.md#rolling-back.

The period that began with the change is set aside, and so is the one before it where its document is issued, which a
credit note takes back as a whole. Periods by the former version take their place, the same usage is counted in them,
and what becomes due is billed by the ordinary close.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from billing.closing.period_reversal import ReversalRefused, credit_period_invoice
from billing.metering.corrections.recount import recount_events, remove_counts
from billing.models import Period, Subscription
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
from lib.audit_log import audited_transaction
from plans.models import Fee, PlanVersion
from plans.models.prices import Billed


class RollbackRefused(SubscriptionRefused):
    """A plan change cannot be undone; the text says why."""


def roll_back_change(
    *,
    subscription: Subscription,
    part: Period,
    former_version: PlanVersion,
    restore: Callable[[], None] = lambda: None,
    at: datetime,
    by: AbstractBaseUser | None = None,
) -> None:
    """
    Let a subscription be on its former version as if `part`, the period that began with a change, had never begun.

    restore: puts back what else had changed, such as wallets; called when nothing is counted in the part any more,
        before usage is counted by the former version.

    :raises CannotUndo: if it has changed since or has ended, the period is over, or a document cannot be taken back.
    """
    with audited_transaction("undo a plan change", by=by, at=at):
        Customer.objects.select_for_update(no_key=True).get(pk=subscription.customer_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        apply_due_changes(at=at, subscription_ids=[subscription.pk])
        subscription.refresh_from_db()
        revoke_pending([subscription.pk], problem=f"It goes back to {former_version} instead.", at=at)
        periods = lock_periods(subscription)
        part = _part(subscription, part, periods, at=at)
        before = _before(part)
        is_split = part.continues_id == before.pk or (part.is_trial and before.is_trial)
        lifted = [part]
        if before.state == PeriodState.CLOSED and (
            is_split or _claims_beyond_its_period(part.version_id, former_version.pk)
        ):
            _take_back(before, at=at)
            lifted.append(before)
        _remove_later(part, periods)
        remove_counts([one.pk for one in lifted], at=at)
        _set_aside(lifted, at=at)
        undone_id, subscription.version = subscription.version_id, former_version
        subscription.save(update_fields=["version"])
        periods = _make_anew(subscription, part, before, is_split=is_split, is_billed=before in lifted)
        _cover(subscription, since=part.starts_at)
        append_periods(
            subscription_ids=[subscription.pk], last_period_ids=[periods[-1].pk], until=at + PERIOD_LEAD_TIME
        )
        grant_included(subscription_ids=[subscription.pk], at=at)
        restore()
        since = min(one.starts_at for one in lifted)
        recount_events(
            subscription=subscription,
            period_ids=[one.pk for one in periods],
            since=since,
            until=periods[-1].ends_at,
            at=at,
        )
        announce_version_changes(
            [VersionChange(subscription.pk, undone_id, former_version.pk, part.starts_at)], at=at
        )


def _part(subscription: Subscription, part: Period, periods: Sequence[Period], *, at: datetime) -> Period:
    """Return the period as it is now, if it can still be undone."""
    if subscription.state not in (*RUNNING_STATES, SubscriptionState.CANCELED):
        raise RollbackRefused(f"It is {subscription.get_state_display()}.")
    if subscription.version_id != part.version_id:
        raise RollbackRefused(f"It has moved on to {subscription.version} since.")
    found = next((one for one in periods if one.pk == part.pk), None)
    if found is None or found.state != PeriodState.OPEN or found.ends_at <= at:
        raise RollbackRefused("The period in which it changed is over: change its plan instead.")
    if found.starts_at > at:
        raise RollbackRefused(f"It changes only at {found.starts_at:%Y-%m-%d %H:%M} UTC: try again then.")
    return found


def _before(part: Period) -> Period:
    """Return the period that the change has ended, locked."""
    regular = Period.objects.filter(subscription=part.subscription_id, kind=PeriodKind.REGULAR)
    before = regular.select_for_update().filter(ends_at=part.starts_at).first()
    if before is None:
        raise RollbackRefused("It began anew with the change, after a pause: change its plan instead.")
    return before


def _claims_beyond_its_period(*version_ids: int) -> bool:
    """Tell whether the document of the period before a change depends on what follows it."""
    return Fee.objects.filter(Q(billed=Billed.ADVANCE) | Q(every__gt=1), version__in=version_ids).exists()


def _take_back(before: Period, *, at: datetime) -> None:
    """Credit the document of a period that is to be billed anew."""
    others = Period.objects.filter(subscription=before.subscription_id, starts_at=before.starts_at)
    if before.continues_id is not None or others.filter(kind=PeriodKind.UNDONE).exists():
        raise RollbackRefused("Its period was split more than once, and is billed: change its plan back instead.")
    try:
        credit_period_invoice(before, at=at)
    except ReversalRefused as error:
        raise RollbackRefused(str(error)) from error


def _remove_later(part: Period, periods: Sequence[Period]) -> None:
    """Remove periods that were made ahead of their time."""
    later = [one for one in periods if one.starts_at > part.starts_at and one.kind == PeriodKind.REGULAR]
    for one in later:
        if one.counters.exists() or one.series.exists():
            raise RollbackRefused("Usage is counted in its next period already: change its plan instead.")
        one.delete()


def _set_aside(lifted: Sequence[Period], *, at: datetime) -> None:
    """Keep the rows for what refers to them, and let nothing be counted in them, or billed, any more."""
    for one in lifted:
        is_issued = one.state == PeriodState.CLOSED
        one.kind, one.state, one.continues, one.late_since, one.error = PeriodKind.UNDONE, "closed", None, None, ""
        one.retry_at, one.settles = None, ""
        if not is_issued:
            one.ends_at, one.closed_at = one.starts_at, at
        one.revision += 1
        one.save()


def _make_anew(
    subscription: Subscription, part: Period, before: Period, *, is_split: bool, is_billed: bool
) -> list[Period]:
    """Return the periods of the former version that take the place of those set aside, in order."""
    if is_split:
        whole = _made(subscription, before) if is_billed else before
        restore_period(subscription, whole)
        return [whole]
    following = _made(subscription, part)
    restore_period(subscription, following)
    return [_made(subscription, before, before.ends_at), following] if is_billed else [following]


def _made(subscription: Subscription, place_of: Period, ends_at: datetime | None = None) -> Period:
    """Return a period in the place of another one; it is still to be lengthened where no end is given."""
    ends_at = ends_at or place_of.starts_at + TICK
    return Period.objects.create(
        subscription=subscription,
        version_id=subscription.version_id,
        is_trial=place_of.is_trial,
        starts_at=place_of.starts_at,
        ends_at=ends_at,
        due_at=ends_at + subscription.customer.seller.grace,
    )


_RESTORE = """
UPDATE billing_coverage c SET during = tstzrange(lower(c.during), s.ends_at)
FROM billing_subscription s JOIN plans_planfeature f ON f.version_id = s.version_id
WHERE s.id = %s AND c.subscription_id = s.id AND f.feature_id = c.feature_id AND upper(c.during) = %s
    AND (s.ends_at IS NULL OR s.ends_at > %s)
"""


def _cover(subscription: Subscription, *, since: datetime) -> None:
    """Let the features of the former version be covered as they were, and none else."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            subscription.coverage.filter(Q(during__startswith__gte=since)).exclude(
                feature__offered_in__version=subscription.version_id
            ).delete()
            cursor.execute(_RESTORE, [subscription.pk, since, since])
    except IntegrityError as error:
        raise RollbackRefused(
            "Another subscription covers meanwhile what it would cover again: end that first."
        ) from error
    cover_features(subscription, since=since)
    invalidate_cached_periods(subscription, since=since)
