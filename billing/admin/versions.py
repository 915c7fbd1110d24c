"""A plan version's page, finished: who is subscribed, and what publishing means for them."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display

from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from plans.admin.figures import figure
from plans.admin.versions import PlanVersionAdmin
from plans.figures import number
from plans.models import PlanVersion

RUNNING = (
    Subscription.objects.running()
    .filter(version=OuterRef("pk"))
    .order_by()
    .values("version")
    .annotate(running=Count("pk"))
    .values("running")
)


@admin.register(PlanVersion)
class SubscribedVersionAdmin(PlanVersionAdmin):
    list_display = ("name", "state_shown", "in_force", "interval", "running", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        found = super().get_queryset(request).select_related("plan", "copied_from__plan")
        return found.annotate(running_now=Coalesce(Subquery(RUNNING), 0))

    @display(description="Running subscriptions")
    def running(self, version: Any) -> str:
        return figure(number(version.running_now))

    def facts(self, version: PlanVersion) -> list[dict[str, str]]:
        running = version.subscriptions.running().count()
        url = f"{reverse('admin:billing_subscription_changelist')}?version__id__exact={version.pk}"
        return [*super().facts(version), {"name": "Running subscriptions", "value": number(running), "url": url}]

    def consequences(self, version: PlanVersion, *, at: datetime, when: str) -> list[str]:
        found = super().consequences(version, at=at, when=when)
        running = dict(
            PlanVersion.objects.filter(plan=version.plan, subscriptions__state=SubscriptionState.ACTIVE)
            .annotate(running=Count("subscriptions"))
            .values_list("number", "running")
            .order_by("number")
        )
        if not running:
            return [*found, f"Nobody is subscribed to {version.plan} yet."]
        total = sum(running.values())
        by_version = ", ".join(f"{number(count)} on v{one}" for one, count in running.items())
        noun = "subscription keeps its" if total == 1 else "subscriptions keep their"
        return [*found, f"{number(total)} running {noun} present prices: {by_version}."]
