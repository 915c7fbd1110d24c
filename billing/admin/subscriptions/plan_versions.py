"""On the plan version page: its subscriptions, and the effects of publishing on them."""

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.simulation.simulation_job import SIMULATE
from billing.admin.subscriptions.version_publication import CopyVersion, PublishAt, PublishNow, WithdrawVersion
from billing.limits.alerts.overage_check import check_overage_alerts
from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from lib.admin import row_action
from lib.admin.columns import number_column
from lib.formats import format_number
from plans.admin.versions.version_page import PlanVersionAdmin
from plans.models import PlanVersion
from plans.models.versions import VersionState
from plans.publishing.required_simulation import find_simulation
from plans.publishing.simulation_text import format_figures

RUNNING = (
    Subscription.objects.running()
    .filter(version=OuterRef("pk"))
    .order_by()
    .values("version")
    .annotate(running=Count("pk"))
    .values("running")
)


class VersionSubscriptions(PlanVersionAdmin):
    """A part of the plan version page (config/admin_site/pages.py)."""

    publish_now = PublishNow.as_action()
    publish_at = PublishAt.as_action()
    new_version = CopyVersion.as_action()
    withdraw = WithdrawVersion.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        versions: QuerySet[PlanVersion] = super().get_queryset(request).select_related("copied_from__plan")
        return versions.annotate(running_now=Coalesce(Subquery(RUNNING), 0))

    @row_action(_("Simulate on past usage"), icon="query_stats", permission=SIMULATE)
    def simulate(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:billing_simulationresult_start')}?version={version.pk}")

    running = number_column("running_now", _("Subscriptions"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the actions that fit the version's state, which is read once."""
        version = self.get_object(request, str(object_id))
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        fitting = fitting_steps(version) if version is not None else {}
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if fitting.get(action.action_name.removeprefix(prefix), True)]

    def advice(self, version: PlanVersion) -> list[str]:
        return [*super().advice(version), *check_overage_alerts(version)]

    def facts(self, version: PlanVersion) -> list[dict[str, str]]:
        running = version.subscriptions.running().count()
        url = f"{reverse('admin:billing_subscription_changelist')}?version__id__exact={version.pk}"
        facts = [
            *super().facts(version),
            {"name": gettext("Subscriptions"), "value": format_number(running), "url": url},
        ]
        return facts + _scheduled_moves(version) + _last_simulation(version)


def fitting_steps(version: PlanVersion) -> dict[str, bool]:
    """Return which steps fit a version's state."""
    return {
        "publish_now": version.state == VersionState.DRAFT,
        "publish_at": version.state == VersionState.DRAFT,
        "new_version": version.is_frozen,
        "withdraw": version.state == VersionState.SCHEDULED,
    }


def _last_simulation(version: PlanVersion) -> list[dict[str, str]]:
    """Return the result of the last simulation of exactly this content, with a link to its job."""
    simulation = find_simulation(version)
    if simulation is None:
        return []
    url = reverse("admin:billing_job_change", args=[simulation.reference.rpartition(":")[2]])
    return [{"name": gettext("Simulated"), "value": format_figures(simulation), "url": url}]


def _scheduled_moves(version: PlanVersion) -> list[dict[str, str]]:
    """Return the number of subscriptions that move to a published version, by state."""
    rows = ScheduledChange.objects.filter(rollout__version=version).values_list("state").annotate(count=Count("pk"))
    counts = dict(rows.order_by())
    if not counts:
        return []
    texts = [f"{format_number(counts[state])} {name}" for state, name in ChangeState.choices if counts.get(state)]
    url = f"{reverse('admin:billing_scheduledchange_changelist')}?version__id__exact={version.pk}"
    return [{"name": gettext("Scheduled moves"), "value": ", ".join(texts), "url": url}]
