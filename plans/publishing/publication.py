"""
Publication of a plan's versions: new draft, new version from another one, publish now or at a date, unschedule.

A plan's versions follow each other without gap or overlap: publishing one ends the previous one at the same time, and
unscheduling one returns its time to the previous one.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from lib.audit_log import audited_transaction
from plans.catalog.version_copy import copy_contents
from plans.catalog.version_schema import content_fields
from plans.models import Plan, PlanVersion
from plans.models.versions import Audience, PlanVersionQuerySet, VersionState
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


class PublishingRefused(Exception):
    """A version cannot be published or unscheduled as requested; the text gives the reason and the remedy."""


class NotReady(PublishingRefused):
    """A version cannot be billed by as it is; `problems` are sentences for its editor."""

    def __init__(self, version: PlanVersion, problems: list[str]) -> None:
        text = _("%(version)s can't be published: %(problems)s")
        super().__init__(text % {"version": version, "problems": " ".join(problems)})
        self.problems = problems


def new_draft(*, plan: Plan, by: User | None, at: datetime, note: str = "") -> PlanVersion:
    """Create an empty draft with the plan's next number."""
    with audited_transaction("new draft", by=by, at=at):
        return _next_version(plan.pk, note=note)


def new_version(*, source: PlanVersion, by: User | None, at: datetime, note: str = "") -> PlanVersion:
    """Create a draft with the plan's next number and the whole content of `source`."""
    with audited_transaction("new version", by=by, at=at):
        version = _next_version(
            source.plan_id,
            note=note,
            copied_from=source,
            **{field.attname: getattr(source, field.attname) for field in content_fields(PlanVersion)},
        )
        copy_contents(source=source, target=version)
        return version


def publish(
    *,
    version: PlanVersion,
    by: User | None,
    at: datetime,
    effective_from: datetime | None = None,
    audience: str = Audience.NEW,
) -> PlanVersion:
    """
    Freeze a draft and put it in force, now or at a date; the version in force before it ends at that time.

    effective_from: `at` or later; `at` by default.
    audience: who gets it besides new subscriptions; the app with the subscriptions reads it and moves them.

    :raises NotReady: if problems prevent billing by it.
    :raises PublishingRefused: if it is published already, lacks a simulation, or the time is past or taken.
    """
    starts_at = effective_from or at
    with audited_transaction("publish", by=by, at=at):
        version = lock_version(version.pk)
        if version.state not in (VersionState.DRAFT, VersionState.REVIEW):
            text = _("%(version)s is already %(state)s. Create a new version instead.")
            raise PublishingRefused(text % {"version": version, "state": version.get_state_display()})
        if starts_at < at:
            text = _("%(time)s is in the past. Publish %(version)s now or on a later date.")
            raise PublishingRefused(text % {"version": version, "time": f"{starts_at:%Y-%m-%d %H:%M %Z}"})
        if problems := problems_of(version):
            raise NotReady(version, problems)
        if missing := missing_simulation(version):
            raise PublishingRefused(missing)
        # Versions whose start has come must be live first, so that the one in force at `starts_at` is found below.
        publish_due(at=at, plan_id=version.plan_id)
        version.effective_to = _end_version_in_force(version, starts_at, at=at)
        version.effective_from = starts_at
        version.published_at, version.published_by, version.audience = at, by, audience
        version.state = VersionState.LIVE if starts_at <= at else VersionState.SCHEDULED
        version.save()
        return version


def unschedule(
    *,
    version: PlanVersion,
    by: User | None,
    at: datetime,
    release: Callable[[PlanVersion], None] = lambda version: None,
) -> PlanVersion:
    """
    Return a scheduled version to draft; the previous version stays in force in its place.

    release: called with the locked version to cancel the plan changes that an upper app has scheduled to it. Without
        it, the database rejects unscheduling a version that subscriptions are to move to.

    :raises PublishingRefused: if it is not scheduled, or its start has passed.
    """
    with audited_transaction("unschedule", by=by, at=at):
        version = lock_version(version.pk)
        starts_at, ends_at = version.effective_from, version.effective_to
        if version.state != VersionState.SCHEDULED or starts_at is None or starts_at <= at:
            state = version.get_state_display()
            text = _("%(version)s is %(state)s. Only a version that is not in force yet can be withdrawn.")
            raise PublishingRefused(text % {"version": version, "state": state})
        release(version)
        version.state = VersionState.DRAFT
        version.effective_from = version.effective_to = version.published_at = version.published_by = None
        version.save()
        # A version that was replaced at its very start has no time to get back.
        previous = _other_published_versions(version).filter(effective_to=starts_at).exclude(effective_from=starts_at)
        previous.update(effective_to=ends_at)
        return version


def publish_due(*, at: datetime, plan_id: int | None = None) -> int:
    """
    Set versions to live at their start and to retired at their end; return how many changed.

    Safe to repeat and to run concurrently: a version that has changed is no longer due.
    """
    versions = PlanVersion.objects.filter(Q(plan=plan_id) if plan_id else Q())
    started_count = versions.due_to_go_live(at).update(state=VersionState.LIVE)
    ended_count = versions.filter(state=VersionState.LIVE, effective_to__lte=at).update(state=VersionState.RETIRED)
    return started_count + ended_count


def _next_version(plan_id: int, **fields: Any) -> PlanVersion:
    """Create a draft with the plan's next number."""
    # Row lock on the plan: two drafts created at once get different numbers.
    Plan.objects.select_for_update(no_key=True).get(pk=plan_id)
    last = PlanVersion.objects.filter(plan=plan_id).aggregate(last=Max("number"))["last"] or 0
    return PlanVersion.objects.create(plan_id=plan_id, number=last + 1, **fields)


def lock_version(version_id: int) -> PlanVersion:
    """Lock the plan and the version, and return the version as it is stored now."""
    # The plan's row lock allows one publication of a plan at a time, since each one also changes the other versions.
    Plan.objects.select_for_update(of=("self",), no_key=True).get(versions=version_id)
    return PlanVersion.objects.select_for_update().select_related(None).get(pk=version_id)


def _other_published_versions(version: PlanVersion) -> PlanVersionQuerySet:
    return PlanVersion.objects.published().filter(plan=version.plan_id).exclude(pk=version.pk)


def _end_version_in_force(version: PlanVersion, starts_at: datetime, *, at: datetime) -> datetime | None:
    """End the version in force at `starts_at` there, and return when the version after `version` begins, if any."""
    others = _other_published_versions(version)
    if conflicting := others.filter(effective_from=starts_at, state=VersionState.SCHEDULED).first():
        text = _("%(version)s is scheduled for the same time. Withdraw it first, or choose another time.")
        raise PublishingRefused(text % {"version": conflicting})
    for former in others.in_force(starts_at):
        former.effective_to = starts_at
        if starts_at <= at:
            former.state = VersionState.RETIRED
        former.save(update_fields=["effective_to", "state"])
    return (
        others.filter(effective_from__gt=starts_at)
        .order_by("effective_from")
        .values_list("effective_from", flat=True)
        .first()
    )
