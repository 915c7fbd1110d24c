"""
A price change as its approver sees it: its differences, when and for whom it takes effect, and its simulated effect.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Exists, OuterRef, Q
from django.template.defaultfilters import date as date_text
from django.utils import timezone
from django.utils.translation import gettext

from access.admin.request_panels import CONTENTS, RequestContent
from access.approvals.acts import thaw
from access.models import ApprovalRequest
from billing.admin.simulation.simulation_job import job_context
from billing.admin.subscriptions.rollout_audience import CHOICES
from billing.models import Job, Override, Subscription
from billing.subscriptions.plan_changes.acts import PublishVersion
from plans.admin.versions.comparison import sections
from plans.admin.versions.timeline import read_steps
from plans.models import PlanVersion, RequiredSimulation
from plans.models.versions import Audience
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import find_simulation


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """
    The running subscriptions that a publication moves. custom: those of them whose prices are agreed, and so stay.
    """

    moved: int
    custom: int


def read_price_change(request: ApprovalRequest) -> RequestContent:
    """Return the content of a waiting request to publish a version."""
    act = cast("PublishVersion", thaw(request.act, request.content))
    version = PlanVersion.objects.select_related("plan").get(pk=act.version_id)
    against = PlanVersion.objects.compared_with(version, at=timezone.now())
    simulation = find_simulation(version)
    return RequestContent(
        template="staff/catalog/change_request.html",
        approve=_describe_approval(act),
        checks=list(_check(act, version, simulation)),
        context={
            "version": version,
            "against": against,
            "sections": sections(against, version) if against is not None else [],
            "effective_from": act.effective_from,
            "audiences": [(label, value == act.audience) for value, label in CHOICES],
            "is_moving": act.audience != Audience.NEW,
            "splits_periods": act.splits_periods,
            "count": count_audience(act, version),
            "effect": _read_effect(simulation),
            "steps": read_steps(version),
        },
    )


def count_audience(act: PublishVersion, version: PlanVersion) -> AudienceCount:
    """Count the running subscriptions that a publication moves to its version."""
    if act.audience == Audience.NEW:
        return AudienceCount(0, 0)
    moved = Subscription.objects.running().filter(version__plan=version.plan_id).exclude(version=version)
    if act.audience == Audience.COHORT:
        moved = moved.filter(pk__in=act.subscription_ids)
    agreed = Override.objects.filter(Q(ends_at=None) | Q(ends_at__gt=timezone.now()), subscription=OuterRef("pk"))
    custom = moved.filter(Exists(agreed))
    return AudienceCount(moved.count(), custom.count())


def _describe_approval(act: PublishVersion) -> str:
    if act.effective_from is None:
        return gettext("Approve and publish now")
    return gettext("Approve and schedule for %(date)s") % {"date": date_text(act.effective_from, "MONTH_DAY_FORMAT")}


def _check(
    act: PublishVersion, version: PlanVersion, simulation: RequiredSimulation | None
) -> Iterator[tuple[bool, str]]:
    problems = problems_of(version)
    for problem in problems:
        yield False, problem
    for finding in act.acknowledged:
        yield False, gettext("Accepted by the requester: %(finding)s") % {"finding": finding}
    others = [finding for finding in check_plan(version, at=timezone.now()) if finding not in act.acknowledged]
    for finding in others:
        yield False, finding
    if not problems and not act.acknowledged and not others:
        yield True, gettext("The plan check found nothing.")
    if simulation is not None:
        yield True, gettext("Exactly this content was simulated on past usage.")
    else:
        yield False, gettext("This content was not simulated on past usage.")


def _read_effect(simulation: RequiredSimulation | None) -> dict[str, Any] | None:
    """Return the context of the last simulation of exactly this content; None without one, or if its job is gone."""
    if simulation is None:
        return None
    job = Job.objects.filter(pk=simulation.reference.removeprefix("simulation:")).first()
    return {"job": job, **job_context(job, {})} if job is not None else None


CONTENTS[PublishVersion.name] = read_price_change
