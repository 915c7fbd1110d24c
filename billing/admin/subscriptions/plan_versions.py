"""On the plan version page: its subscriptions, and the effects of publishing on them."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from kombu.exceptions import OperationalError

from billing.admin.simulation.simulation_job import SIMULATE
from billing.admin.subscriptions.rollout_audience import AudienceForm, DatedAudienceForm
from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import RUNNING_STATES as RUNNING_STATES
from billing.subscriptions.plan_changes import rollouts
from billing.tasks import run_rollouts
from lib.admin import row_action
from lib.admin.columns import column
from lib.admin.number_fields import number_cell
from lib.formats import format_number
from plans.admin.versions.publication import VersionPublication
from plans.admin.versions.simulation_note import format_figures
from plans.admin.versions.version_page import PlanVersionAdmin
from plans.models import PlanVersion
from plans.publishing.required_simulation import find_simulation

RUNNING = (
    Subscription.objects.running()
    .filter(version=OuterRef("pk"))
    .order_by()
    .values("version")
    .annotate(running=Count("pk"))
    .values("running")
)


class VersionSubscriptions(VersionPublication, PlanVersionAdmin):
    """A part of the plan version page (config/admin_site/pages.py)."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        versions: QuerySet[PlanVersion] = super().get_queryset(request).select_related("copied_from__plan")
        return versions.annotate(running_now=Coalesce(Subquery(RUNNING), 0))

    @row_action("Simulate on past usage", icon="query_stats", permission=SIMULATE)
    def simulate(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:billing_simulationresult_start')}?version={version.pk}")

    running = column("Running subscriptions", lambda version: number_cell(format_number(version.running_now)))

    def facts(self, version: PlanVersion) -> list[dict[str, str]]:
        running = version.subscriptions.running().count()
        url = f"{reverse('admin:billing_subscription_changelist')}?version__id__exact={version.pk}"
        facts = [
            *super().facts(version),
            {"name": "Running subscriptions", "value": format_number(running), "url": url},
        ]
        return facts + _scheduled_moves(version) + _last_simulation(version)

    def consequences(self, version: PlanVersion, *, at: datetime, when: str) -> list[str]:
        consequences = super().consequences(version, at=at, when=when)
        running = dict(
            PlanVersion.objects.filter(plan=version.plan, subscriptions__state__in=RUNNING_STATES)
            .annotate(running=Count("subscriptions"))
            .values_list("number", "running")
            .order_by("number")
        )
        if not running:
            return [*consequences, f"Nobody is subscribed to {version.plan} yet."]
        total = sum(running.values())
        by_version = ", ".join(f"{format_number(count)} on v{number}" for number, count in running.items())
        noun = "subscription runs" if total == 1 else "subscriptions run"
        return [
            *consequences,
            f"{format_number(total)} {noun} by other prices: {by_version}. Below you choose who moves.",
        ]

    # Publishing moves subscriptions, and withdrawing reverts that ------------------------------------------------

    def publication_form(self, data: Any, *, is_dated: bool) -> forms.Form:
        return DatedAudienceForm(data) if is_dated else AudienceForm(data)

    def publish_version(
        self, version: PlanVersion, form: Any, by: User, *, at: datetime, effective_from: datetime | None
    ) -> None:
        """
        Publish the version for the chosen audience.

        :raises PublishingRefused: if it can't be published this way.
        """
        rollouts.publish_for(
            version=version,
            audience=form.cleaned_data["audience"],
            by=by,
            at=at,
            effective_from=effective_from,
            subscription_ids=form.cohort_ids,
            splits_periods=form.splits_periods,
        )
        with suppress(OperationalError):  # a worker that is not woken looks within a minute
            run_rollouts.delay()

    def withdraw_version(self, version: PlanVersion, by: User, *, at: datetime) -> None:
        """:raises PublishingRefused: if it cannot be withdrawn."""
        rollouts.withdraw(version=version, by=by, at=at)


def _last_simulation(version: PlanVersion) -> list[dict[str, str]]:
    """Return the result of the last simulation of exactly this content, with a link to its job."""
    simulation = find_simulation(version)
    if simulation is None:
        return []
    url = reverse("admin:billing_job_change", args=[simulation.reference.rpartition(":")[2]])
    return [{"name": "Simulated", "value": format_figures(simulation), "url": url}]


def _scheduled_moves(version: PlanVersion) -> list[dict[str, str]]:
    """Return the number of subscriptions that move to a published version, by state."""
    rows = ScheduledChange.objects.filter(rollout__version=version).values_list("state").annotate(count=Count("pk"))
    counts = dict(rows.order_by())
    if not counts:
        return []
    texts = [f"{format_number(counts[state])} {name}" for state, name in ChangeState.choices if counts.get(state)]
    url = f"{reverse('admin:billing_scheduledchange_changelist')}?version__id__exact={version.pk}"
    return [{"name": "Moves", "value": ", ".join(texts), "url": url}]
