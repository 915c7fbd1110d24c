"""The page of a plan migration: its terms, preview, progress, and next steps."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from billing.admin.jobs.worker_wakeup import wake
from billing.admin.plan_migrations import plan_form
from billing.admin.plan_migrations.migration_summary import migration_context
from billing.models import Job, PlanMigration
from billing.models.plan_migrations import MoveState
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationRefused
from billing.plan_migrations.jobs import RUN
from lib.formats import format_number

APPROVE = "billing.approve_planmigration"
PERMISSIONS = {
    **dict.fromkeys(("preview", "announce", "request_approval", "discard"), plan_form.PLAN),
    **dict.fromkeys(("approve", "reject"), APPROVE),
    **dict.fromkeys(("run", "roll_back"), RUN),
}
"""Step → the permission it requires."""

CONFIRMATIONS = {
    "preview": "It is looked at what moving would come to; this page follows.",
    "request_approval": "Somebody else has to approve it now.",
    "approve": "It is approved, and may be run.",
    "reject": "It is planned only, as it was before.",
    "run": "They are moved; this page follows.",
    "roll_back": "They go back; this page follows.",
    "discard": "It is given up. Nobody was moved.",
}

COLORS = {"planned": "info", "review": "warning", "approved": "success", "begun": "success", "undone": "warning"}


@admin.register(PlanMigration)
class MigrationAdmin(ModelAdmin):
    list_display = ("title", "version", "when", "state_shown", "requested_by", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("when", ChoicesDropdownFilter))
    list_select_related = ("version__plan", "requested_by")
    search_fields = ("title",)
    ordering = ("-pk",)
    actions_list = ("plan",)
    change_form_outer_before_template = "staff/plan_migrations/migration.html"

    @display(description="State", ordering="state", label=COLORS)
    def state_shown(self, migration: PlanMigration) -> tuple[str, str]:
        return migration.state, migration.get_state_display()

    @action(description="Plan a migration", icon="moving", permissions=["plan"])
    def plan(self, request: HttpRequest) -> HttpResponse:
        return plan_form.page(request)

    def has_plan_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(plan_form.PLAN))

    def get_fieldsets(self, request: HttpRequest, obj: PlanMigration | None = None) -> list[Any]:
        return []  # the template above the form shows everything

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        migration = self.get_object(request, object_id)
        shown = {"title": migration.title, **self._facts(request, migration)} if migration else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def _facts(self, request: HttpRequest, migration: PlanMigration) -> dict[str, Any]:
        context = migration_context(migration, timezone.now())
        context["may"] = {step for step in context["may"] if request.user.has_perm(PERMISSIONS[step])}
        return context

    def get_urls(self) -> list[URLPattern]:
        step = self.admin_site.admin_view(self.step)
        return [path("<int:number>/do/<slug:how>/", step, name="billing_planmigration_step"), *super().get_urls()]

    def step(self, request: HttpRequest, number: int, how: str) -> HttpResponse:
        """Carry out a step; steps that customers notice ask for confirmation first."""
        migration = PlanMigration.objects.select_related("version__plan").filter(pk=number).first()
        if migration is None or how not in PERMISSIONS:
            raise Http404("There is no such step.")
        if not request.user.has_perm(PERMISSIONS[how]):
            raise PermissionDenied
        if request.method != "POST":
            return self._confirm(request, migration, how) or HttpResponseRedirect(_address(migration))
        try:
            outcome = getattr(workflow, how)(migration_id=migration.pk, at=timezone.now(), by=request.user)
        except MigrationRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request, CONFIRMATIONS[how] if how in CONFIRMATIONS else f"{_count(outcome)} customers are told."
            )
            if isinstance(outcome, Job):
                wake(request)
        return HttpResponseRedirect(_address(migration))

    def _confirm(self, request: HttpRequest, migration: PlanMigration, how: str) -> HttpResponse | None:
        if how not in ("announce", "run", "roll_back"):
            return None
        waiting = migration.moves.filter(state__in=[MoveState.WAITING, MoveState.REFUSED]).count()
        moved = migration.moves.filter(state__in=[MoveState.MOVED, MoveState.SCHEDULED]).count()
        problem = workflow.find_missing_step(migration, at=timezone.now()) if how == "run" else ""
        title, verb, consequences = {
            "announce": (
                f"Tell the customers of {migration}",
                f"Tell {_count(waiting)} customers",
                [
                    f"{_count(waiting)} subscriptions: a mail to the contacts for billing of each customer, and a"
                    " webhook, with their own figures.",
                    f"The run may begin {migration.notice_days} days after it; who wants to stay can be left out.",
                ],
            ),
            "run": (
                f"Move to {migration.version}",
                f"Move {_count(waiting)}",
                [
                    f"{_count(waiting)} subscriptions move {migration.get_when_display()}.",
                    "Each by itself: one that cannot move stops none of the others, and says why.",
                    "It can be paused, and rolled back as long as the period in which each one changed is open.",
                ],
            ),
            "roll_back": (
                f"Roll {migration} back",
                f"Roll {_count(moved)} back",
                [
                    f"{_count(moved)} subscriptions go back to their former version as if they had never moved:"
                    " documents of the change are credited, and usage is rated anew.",
                    "What is paid already, a period that is over, and wallets that were used since are left as they"
                    " are, with the reason.",
                ],
            ),
        }[how]
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=migration,
            title=title,
            consequences=consequences,
            problems=[problem] if problem else [],
            verb=verb,
            danger=how == "roll_back",
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlanMigration | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlanMigration | None = None) -> bool:
        return False


def _address(migration: PlanMigration) -> str:
    return reverse("admin:billing_planmigration_change", args=[migration.pk])


def _count(many: int) -> str:
    return format_number(many)
