"""
Rollouts: publish a version for existing subscriptions: docs/publishing.md#audience.

The version stores its audience; a rollout is the work that follows. All pending work is found by rows, so the next
worker completes the work of one that crashed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from billing.models import Rollout, ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState, RolloutState
from billing.subscriptions.plan_changes.revocation import RevocationRefused, revoke
from billing.subscriptions.plan_changes.schedule import schedule
from billing.subscriptions.test_clock_filters import group_by_current_time
from lib.audit_log import audited_transaction
from lib.queue import NO_DEADLINE, Deadline
from plans.models import PlanVersion
from plans.models.versions import Audience
from plans.publishing import publication

# Subscriptions per round of statements: their ids are sent as one array.
BATCH_SIZE = 1_000


def publish_for(
    *,
    version: PlanVersion,
    audience: str,
    by: User | None,
    at: datetime,
    effective_from: datetime | None = None,
    subscription_ids: Sequence[int] = (),
    splits_periods: bool = False,
) -> PlanVersion:
    """
    Publish a version for new subscriptions, and for all running ones or a cohort of them from their next period on.

    splits_periods: change them exactly when the version takes effect, in mid-period, instead.
    subscription_ids: the cohort; each gets a row with the time of its change, or the reason why it can't change.

    :raises PublishingRefused: as `plans.publishing.publication.publish` does, or if the cohort is empty.
    """
    if audience == Audience.COHORT and not subscription_ids:
        raise publication.PublishingRefused(
            _("No subscription is selected. Select some, or publish for new subscriptions only.")
        )
    with audited_transaction("publish", by=by, at=at):
        version = publication.publish(version=version, by=by, at=at, effective_from=effective_from, audience=audience)
        if audience == Audience.COHORT:
            rollout = _build_rollout(version, splits_periods=splits_periods, state=RolloutState.DONE)
            rollout.save()
            # In batches, although in one transaction, to bound the size of each statement.
            for start in range(0, len(subscription_ids), BATCH_SIZE):
                schedule(rollout=rollout, subscription_ids=subscription_ids[start : start + BATCH_SIZE], at=at)
        elif audience == Audience.ALL:
            _build_rollout(version, splits_periods=splits_periods).save()
        return version


def withdraw(*, version: PlanVersion, by: User | None, at: datetime) -> PlanVersion:
    """
    Make a scheduled version a draft again; subscriptions scheduled for it keep their version.

    :raises PublishingRefused: if it is not scheduled, is in force already, or a change can't be revoked any more.
    """
    with audited_transaction("withdraw", by=by, at=at):
        return publication.unschedule(
            version=version, by=by, at=at, release=lambda locked: _revoke_changes(locked, by=by, at=at)
        )


def _revoke_changes(version: PlanVersion, *, by: User | None, at: datetime) -> None:
    ids = list(pending_changes_to(version).order_by("subscription").values_list("subscription", flat=True))
    try:
        for start in range(0, len(ids), BATCH_SIZE):
            for time, group_ids in group_by_current_time(ids[start : start + BATCH_SIZE], at=at).items():
                revoke(subscription_ids=group_ids, at=time, by=by, reason=f"{version} was withdrawn.")
    except RevocationRefused as refusal:
        raise publication.PublishingRefused(
            _("%(version)s can't be withdrawn: %(refusal)s") % {"version": version, "refusal": refusal}
        ) from refusal
    version.rollouts.exclude(state=RolloutState.WITHDRAWN).update(state=RolloutState.WITHDRAWN)


def roll_out(*, at: datetime, batch_size: int = BATCH_SIZE, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Schedule the subscriptions that versions were published for; return how many were newly scheduled.

    Subscriptions created on an older version before this one takes effect are included; once it is in force, the
    rollout is done.
    """
    scheduled = 0
    _open_missing_rollouts()
    still_open = Rollout.objects.filter(state=RolloutState.OPEN)
    for rollout in still_open.select_related("version").order_by("pk"):
        # Read before each batch: the version may be withdrawn while this runs.
        while deadline.has_time() and still_open.filter(pk=rollout.pk).exists():
            ids = list(unscheduled_subscriptions(rollout).order_by("pk").values_list("pk", flat=True)[:batch_size])
            if not ids:
                if rollout.effective_from <= at:
                    still_open.filter(pk=rollout.pk).update(state=RolloutState.DONE)
                break
            if not (newly_scheduled := _schedule(rollout, ids, at=at)):
                break  # another worker has them, or the version was withdrawn in between
            scheduled += newly_scheduled
    return scheduled


def _schedule(rollout: Rollout, ids: Sequence[int], *, at: datetime) -> int:
    """Schedule subscriptions, each by its customer's clock."""
    parts = group_by_current_time(ids, at=at).items()
    return sum(schedule(rollout=rollout, subscription_ids=group_ids, at=time) for time, group_ids in parts)


def unscheduled_subscriptions(rollout: Rollout) -> QuerySet[Subscription]:
    """Return the subscriptions on earlier versions of the plan that a rollout for all has not scheduled yet."""
    scheduled = ScheduledChange.objects.filter(rollout=rollout, subscription=OuterRef("pk"))
    return Subscription.objects.running().filter(
        ~Exists(scheduled),
        version__plan=rollout.version.plan_id,
        version__effective_from__lt=rollout.effective_from,
    )


def pending_changes_to(version: PlanVersion) -> QuerySet[ScheduledChange]:
    return ScheduledChange.objects.filter(version=version, state=ChangeState.PENDING)


def _open_missing_rollouts() -> None:
    """Open a rollout for each version that was published for all and has none for this publication."""
    rollouts = Rollout.objects.filter(version=OuterRef("pk"), published_at=OuterRef("published_at"))
    for version in PlanVersion.objects.published().filter(~Exists(rollouts), audience=Audience.ALL):
        _build_rollout(version).save()


def _build_rollout(version: PlanVersion, **fields: Any) -> Rollout:
    """Return the rollout of a version's publication, unsaved."""
    # A constraint: a published version has both times.
    assert version.published_at is not None  # noqa: S101
    assert version.effective_from is not None  # noqa: S101
    return Rollout(
        version=version,
        audience=version.audience,
        published_at=version.published_at,
        effective_from=version.effective_from,
        by=version.published_by,
        **fields,
    )
