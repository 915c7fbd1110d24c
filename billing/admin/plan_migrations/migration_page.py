"""The page of a plan migration: its terms, preview, progress, and next steps."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from billing.admin.jobs.worker_wakeup import wake
from billing.admin.plan_migrations import plan_form
from billing.admin.plan_migrations.migration_summary import migration_context
from billing.models import Job, PlanMigration
from billing.models.plan_migrations import MoveState
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationRefused
from billing.plan_migrations.jobs import RUN
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, is_allowed, require
from lib.admin.columns import state_column
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


class MigrationStep(ConfirmedAction[PlanMigration]):
    """Carry out a step; steps that customers notice ask for confirmation first."""

    permission = "billing.view_planmigration"
    refusals = (MigrationRefused,)

    def find(self, *, number: int, how: str) -> PlanMigration:
        if how not in PERMISSIONS:
            raise Http404("There is no such step.")
        require(self.request, PERMISSIONS[how])
        self.how, self.danger = how, how == "roll_back"
        return get_object_or_404(PlanMigration.objects.select_related("version__plan"), pk=number)

    def preview(self, migration: PlanMigration) -> Preview:
        waiting = migration.moves.filter(state__in=[MoveState.WAITING, MoveState.REFUSED]).count()
        moved = migration.moves.filter(state__in=[MoveState.MOVED, MoveState.SCHEDULED]).count()
        problem = workflow.find_missing_step(migration, at=timezone.now()) if self.how == "run" else ""
        title, verb, consequences = {
            "announce": (
                f"Tell the customers of {migration}",
                f"Tell {format_number(waiting)} customers",
                [
                    f"{format_number(waiting)} subscriptions: a mail to the contacts for billing of each customer,"
                    " and a webhook, with their own figures.",
                    f"The run may begin {migration.notice_days} days after it; who wants to stay can be left out.",
                ],
            ),
            "run": (
                f"Move to {migration.version}",
                f"Move {format_number(waiting)}",
                [
                    f"{format_number(waiting)} subscriptions move {migration.get_when_display()}.",
                    "Each by itself: one that cannot move stops none of the others, and says why.",
                    "It can be paused, and rolled back as long as the period in which each one changed is open.",
                ],
            ),
            "roll_back": (
                f"Roll {migration} back",
                f"Roll {format_number(moved)} back",
                [
                    f"{format_number(moved)} subscriptions go back to their former version as if they had never"
                    " moved: documents of the change are credited, and usage is rated anew.",
                    "What is paid already, a period that is over, and wallets that were used since are left as they"
                    " are, with the reason.",
                ],
            ),
        }[self.how]
        return Preview(title=title, verb=verb, consequences=consequences, problems=[problem] if problem else [])

    def run(self, migration: PlanMigration) -> Response:
        outcome = getattr(workflow, self.how)(migration_id=migration.pk, at=timezone.now(), by=self.user)
        if isinstance(outcome, Job):
            wake(self.request)
        return self.done(CONFIRMATIONS.get(self.how) or f"{format_number(outcome)} customers are told.")

    def refuse(self, text: str, field: str | None = None) -> None:
        messages.error(self.request, text)

    def show(self) -> HttpResponseBase:
        asks = self.how in ("announce", "run", "roll_back") and self.request.method != "POST"
        return super().show() if asks else self.go()


@admin.register(PlanMigration)
class MigrationAdmin(ReadOnlyAdmin):
    list_display = ("title", "version", "when", "state_shown", "requested_by", "created_at")
    list_filter = ("state", "when")
    list_select_related = ("version__plan", "requested_by")
    search_fields = ("title",)
    actions_list = ("plan",)
    has_form = False
    change_form_outer_before_template = "staff/plan_migrations/migration.html"

    further_pages = (("<int:number>/do/<slug:how>/", "step", "billing_planmigration_step"),)

    plan = plan_form.PlanMigrationPage.as_action()
    step = MigrationStep.as_action()

    state_shown = state_column(COLORS)

    def page_context(self, request: HttpRequest, migration: PlanMigration) -> dict[str, Any]:
        context = migration_context(migration, timezone.now())
        context["may"] = {step for step in context["may"] if is_allowed(request, PERMISSIONS[step])}
        return {"title": migration.title, **context}
