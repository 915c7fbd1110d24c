"""
From one version of a plan to the next: copy into a draft, publish now or at a date, withdraw.

The versions of a plan follow one another without gap or overlap: publishing one ends the one before it at the same
moment; withdrawing a scheduled one gives that time back.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Max, Q

from lib.audit_log import audited_transaction
from plans.catalog.version_copy import copy_contents
from plans.catalog.version_schema import content_fields
from plans.models import Plan, PlanVersion
from plans.models.versions import Audience, PlanVersionQuerySet, VersionState
from plans.publishing.approvals import missing_approval
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_rehearsal


class PublishingRefused(Exception):
    """A version cannot be published or withdrawn as asked; the text says why and what to do."""


class NotReady(PublishingRefused):
    """A version cannot be billed by as it stands; `problems` are sentences for whoever edits it."""

    def __init__(self, version: PlanVersion, problems: list[str]) -> None:
        super().__init__(f"{version} cannot be published: {' '.join(problems)}")
        self.problems = problems


def new_draft(*, plan: Plan, by: AbstractBaseUser | None, at: datetime, note: str = "") -> PlanVersion:
    """Return a new, empty draft with the plan's next number."""
    with audited_transaction("new draft", by=by, at=at):
        return _next_version(plan.pk, note=note)


def new_version(*, source: PlanVersion, by: AbstractBaseUser | None, at: datetime, note: str = "") -> PlanVersion:
    """Return a draft with the plan's next number and everything that `source` grants and charges."""
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
    by: AbstractBaseUser | None,
    at: datetime,
    effective_from: datetime | None = None,
    audience: str = Audience.NEW,
) -> PlanVersion:
    """
    Freeze a draft and put it in force, now or at a date; the version in force before it ends at that moment.

    effective_from: `at` or later; `at` when absent.
    audience: for whom beside new subscriptions; who has running ones reads it and moves them.

    :raises NotReady: if it could not be billed by.
    :raises PublishingRefused: if it is published already, lacks a simulation or an approval, or the moment is past or
        taken.
    """
    moment = effective_from or at
    with audited_transaction("publish", by=by, at=at):
        version = _locked(version)
        if version.state not in (VersionState.DRAFT, VersionState.REVIEW):
            raise PublishingRefused(
                f"{version} is {version.get_state_display()} already: start a new version from it."
            )
        if moment < at:
            raise PublishingRefused(
                f"{moment:%Y-%m-%d %H:%M %Z} is past: publish {version} now or at a later moment."
            )
        if problems := problems_of(version):
            raise NotReady(version, problems)
        if missing := missing_rehearsal(version) or missing_approval(version):
            raise PublishingRefused(missing)
        publish_due(at=at, plan_id=version.plan_id)
        version.effective_to = _make_room(version, moment, at=at)
        version.effective_from = moment
        version.published_at, version.published_by, version.audience = at, by, audience
        version.state = VersionState.LIVE if moment <= at else VersionState.SCHEDULED
        version.save()
        return version


def unschedule(
    *,
    version: PlanVersion,
    by: AbstractBaseUser | None,
    at: datetime,
    release: Callable[[PlanVersion], None] = lambda version: None,
) -> PlanVersion:
    """
    Make a scheduled version a draft again; the version before it stays in force in its place.

    release: takes back what an app above has scheduled for the version, which is locked by then. Without it, the
        database refuses to withdraw a version that somebody is to move to.

    :raises PublishingRefused: if it is not scheduled, or its moment has come.
    """
    with audited_transaction("unschedule", by=by, at=at):
        version = _locked(version)
        moment, until = version.effective_from, version.effective_to
        if version.state != VersionState.SCHEDULED or moment is None or moment <= at:
            state = version.get_state_display()
            raise PublishingRefused(f"{version} is {state}: only a version whose moment is to come is withdrawn.")
        release(version)
        version.state = VersionState.DRAFT
        version.effective_from = version.effective_to = version.published_at = version.published_by = None
        version.save()
        before = _published_beside(version).filter(effective_to=moment).exclude(effective_from=moment)
        before.update(effective_to=until)
        return version


def publish_due(*, at: datetime, plan_id: int | None = None) -> int:
    """
    Move versions whose time has come to live, and those whose time is over to retired; return how many moved.

    May run twice, or at the same time as itself: a version that has moved is not due.
    """
    versions = PlanVersion.objects.filter(Q(plan=plan_id) if plan_id else Q())
    begun = versions.due_to_go_live(at).update(state=VersionState.LIVE)
    over = versions.filter(state=VersionState.LIVE, effective_to__lte=at).update(state=VersionState.RETIRED)
    return begun + over


def _next_version(plan_id: int, **fields: Any) -> PlanVersion:
    """Return a draft with the next number; the plan's row is locked, so no two drafts get the same one."""
    Plan.objects.select_for_update(no_key=True).get(pk=plan_id)
    last = PlanVersion.objects.filter(plan=plan_id).aggregate(last=Max("number"))["last"] or 0
    return PlanVersion.objects.create(plan_id=plan_id, number=last + 1, **fields)


def _locked(version: PlanVersion) -> PlanVersion:
    """Return the version as it is stored now, with its plan locked first: one publication of a plan at a time."""
    Plan.objects.select_for_update(no_key=True).get(pk=version.plan_id)
    return PlanVersion.objects.select_for_update().select_related(None).get(pk=version.pk)


def _published_beside(version: PlanVersion) -> PlanVersionQuerySet:
    return PlanVersion.objects.published().filter(plan=version.plan_id).exclude(pk=version.pk)


def _make_room(version: PlanVersion, moment: datetime, *, at: datetime) -> datetime | None:
    """End the version in force at `moment` there, and return when the one after `version` begins, if any."""
    others = _published_beside(version)
    if taken := others.filter(effective_from=moment, state=VersionState.SCHEDULED).first():
        raise PublishingRefused(f"{taken} is scheduled for that very moment: withdraw it first or choose another.")
    for former in others.in_force(moment):
        former.effective_to = moment
        if moment <= at:
            former.state = VersionState.RETIRED
        former.save(update_fields=["effective_to", "state"])
    return (
        others.filter(effective_from__gt=moment)
        .order_by("effective_from")
        .values_list("effective_from", flat=True)
        .first()
    )
