"""
Publish a version for subscriptions that run already: docs/publishing.md#whom.

The version says for whom it was published; a rollout is what becomes of that here. Everything is found by rows, so a
worker that dies leaves nothing undone that the next one does not find.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Exists, OuterRef, QuerySet

from billing.models import Rollout, ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState, RolloutState
from billing.subscriptions.plan_changes.revocation import RevocationRefused, revoke
from billing.subscriptions.plan_changes.schedule import schedule
from billing.subscriptions.test_clock_filters import group_by_current_time
from lib.audit_log import audited_transaction
from plans.models import PlanVersion
from plans.models.versions import Audience
from plans.publishing import publication

BATCH_SIZE = 1_000


def publish_for(
    *,
    version: PlanVersion,
    audience: str,
    by: AbstractBaseUser | None,
    at: datetime,
    effective_from: datetime | None = None,
    subscription_ids: Sequence[int] = (),
    splits_periods: bool = False,
) -> PlanVersion:
    """
    Publish a version for new subscriptions, and for all running ones or a cohort of them from their next period on.

    splits_periods: they move at the very moment that it takes force, in mid-period, instead.
    subscription_ids: the cohort; each gets a row that says when it moves, or why it cannot.

    :raises PublishingRefused: as `plans.publishing.publication.publish` does, or if the cohort is empty.
    """
    if audience == Audience.COHORT and not subscription_ids:
        raise publication.PublishingRefused("No subscription is chosen: choose some, or publish for new ones only.")
    with audited_transaction("publish", by=by, at=at):
        version = publication.publish(version=version, by=by, at=at, effective_from=effective_from, audience=audience)
        if audience == Audience.COHORT:
            rollout = _rollout(version, splits_periods=splits_periods, state=RolloutState.DONE)
            rollout.save()
            for start in range(0, len(subscription_ids), BATCH_SIZE):
                schedule(rollout=rollout, subscription_ids=subscription_ids[start : start + BATCH_SIZE], at=at)
        elif audience == Audience.ALL:
            _rollout(version, splits_periods=splits_periods).save()
        return version


def withdraw(*, version: PlanVersion, by: AbstractBaseUser | None, at: datetime) -> PlanVersion:
    """
    Make a scheduled version a draft again; subscriptions that were to move to it stay where they are.

    :raises PublishingRefused: if it is not scheduled, its moment has come, or a change cannot be revoked any more.
    """
    with audited_transaction("withdraw", by=by, at=at):
        return publication.unschedule(
            version=version, by=by, at=at, release=lambda locked: _drop(locked, by=by, at=at)
        )


def _drop(version: PlanVersion, *, by: AbstractBaseUser | None, at: datetime) -> None:
    ids = list(pending_changes_to(version).order_by("subscription").values_list("subscription", flat=True))
    try:
        for start in range(0, len(ids), BATCH_SIZE):
            for time, some in group_by_current_time(ids[start : start + BATCH_SIZE], at=at).items():
                revoke(subscription_ids=some, at=time, by=by, reason=f"{version} was withdrawn.")
    except RevocationRefused as refusal:
        raise publication.PublishingRefused(f"{version} cannot be withdrawn: {refusal}") from refusal
    version.rollouts.exclude(state=RolloutState.WITHDRAWN).update(state=RolloutState.WITHDRAWN)


def roll_out(*, at: datetime, batch_size: int = BATCH_SIZE, keep_going: Callable[[], bool] = lambda: True) -> int:
    """
    Schedule the subscriptions that versions were published for; return how many were found anew.

    Whoever subscribes to an older version while this one waits for its date is found as well; once it is in force,
    the rollout is done.
    """
    found = 0
    _adopt()
    still_open = Rollout.objects.filter(state=RolloutState.OPEN)
    for rollout in still_open.select_related("version").order_by("pk"):
        while keep_going() and still_open.filter(pk=rollout.pk).exists():
            ids = list(unscheduled_subscriptions(rollout).order_by("pk").values_list("pk", flat=True)[:batch_size])
            if not ids:
                if rollout.effective_from <= at:
                    still_open.filter(pk=rollout.pk).update(state=RolloutState.DONE)
                break
            if not (looked_at := _schedule(rollout, ids, at=at)):
                break  # another worker has them, or the version was withdrawn meanwhile
            found += looked_at
    return found


def _schedule(rollout: Rollout, ids: Sequence[int], *, at: datetime) -> int:
    """Schedule subscriptions, each in the time of its customer."""
    parts = group_by_current_time(ids, at=at).items()
    return sum(schedule(rollout=rollout, subscription_ids=some, at=time) for time, some in parts)


def unscheduled_subscriptions(rollout: Rollout) -> QuerySet[Subscription]:
    """Return the subscriptions that a rollout for all is yet to schedule: on an earlier version of its plan."""
    scheduled = ScheduledChange.objects.filter(rollout=rollout, subscription=OuterRef("pk"))
    return Subscription.objects.running().filter(
        ~Exists(scheduled),
        version__plan=rollout.version.plan_id,
        version__effective_from__lt=rollout.effective_from,
    )


def pending_changes_to(version: PlanVersion) -> QuerySet[ScheduledChange]:
    return ScheduledChange.objects.filter(version=version, state=ChangeState.PENDING)


def _adopt() -> None:
    """Open a rollout for each version that was published for all, and has none for this publication."""
    known = Rollout.objects.filter(version=OuterRef("pk"), published_at=OuterRef("published_at"))
    for version in PlanVersion.objects.published().filter(~Exists(known), audience=Audience.ALL):
        _rollout(version).save()


def _rollout(version: PlanVersion, **fields: Any) -> Rollout:
    """Return the rollout of a version's publication, unsaved."""
    return Rollout(
        version=version,
        audience=version.audience,
        published_at=version.published_at,
        effective_from=version.effective_from,
        by=version.published_by,
        **fields,
    )
