"""The page of a plan migration: its terms, preview, progress, and next steps."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act, find_waiting_request
from billing.admin.jobs.worker_wakeup import wake
from billing.admin.plan_migrations import plan_form
from billing.admin.plan_migrations.migration_summary import migration_context
from billing.models import Job, PlanMigration
from billing.models.plan_migrations import MoveState
from billing.plan_migrations import workflow
from billing.plan_migrations.acts import AnnounceMigration, RollBackMigration, RunMigration
from billing.plan_migrations.cohort import MigrationRefused
from billing.plan_migrations.jobs import PLAN, RUN
from lib.admin import Preview, ReadOnlyAdmin, Response, is_allowed, require
from lib.admin.columns import state_column
from lib.admin.seller_restriction import OF_ALL_SELLERS
from lib.formats import format_number

PERMISSIONS = {
    **dict.fromkeys(("preview", "announce", "discard"), PLAN),
    **dict.fromkeys(("run", "roll_back"), RUN),
}
"""Step → the permission it requires."""

ACTS: dict[str, type[AnnounceMigration | RunMigration | RollBackMigration]] = {
    "announce": AnnounceMigration,
    "run": RunMigration,
    "roll_back": RollBackMigration,
}
"""Steps that customers notice: they ask for confirmation, and may need a second person."""

CONFIRMATIONS = {
    "preview": _("Calculating the impact. This page shows the progress."),
    "announce": _("The customers are notified."),
    "run": _("The migration has started. This page shows the progress."),
    "roll_back": _("The rollback has started. This page shows the progress."),
    "discard": _("The migration is discarded. No subscription was moved."),
}

COLORS = {"planned": "info", "begun": "success", "undone": "warning"}


class MigrationStep(ApprovableAction[PlanMigration]):
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
        values = {
            "migration": migration,
            "version": migration.version,
            "waiting": format_number(waiting),
            "moved": format_number(moved),
            "days": migration.notice_days,
            "when": migration.get_when_display(),
        }
        title, verb, consequences = {
            "announce": (
                gettext("Notify the customers of %(migration)s"),
                ngettext("Notify %(waiting)s customer", "Notify %(waiting)s customers", waiting),
                [
                    gettext(
                        "The billing contacts of each customer get an email with their own amounts, and your product"
                        " gets a webhook."
                    ),
                    gettext(
                        "The migration can run %(days)s days later. Exclude customers who want to keep their version."
                    ),
                ],
            ),
            "run": (
                gettext("Move to %(version)s"),
                ngettext("Move %(waiting)s subscription", "Move %(waiting)s subscriptions", waiting),
                [
                    ngettext(
                        "%(waiting)s subscription moves: %(when)s.",
                        "%(waiting)s subscriptions move: %(when)s.",
                        waiting,
                    ),
                    gettext("A subscription that can't move shows the reason and doesn't stop the others."),
                    gettext("You can pause the run. Each subscription can be rolled back while its period is open."),
                ],
            ),
            "roll_back": (
                gettext("Roll back %(migration)s"),
                ngettext("Roll back %(moved)s subscription", "Roll back %(moved)s subscriptions", moved),
                [
                    ngettext(
                        "%(moved)s subscription returns to its former version as if it had never moved: invoices at"
                        " the switch are credited, and usage is re-rated.",
                        "%(moved)s subscriptions return to their former versions as if they had never moved: invoices"
                        " at the switch are credited, and usage is re-rated.",
                        moved,
                    ),
                    gettext(
                        "Subscriptions with a paid invoice, a closed period, or a wallet used since then stay, with"
                        " the reason."
                    ),
                ],
            ),
        }[self.how]
        title, verb, consequences = title % values, verb % values, [sentence % values for sentence in consequences]
        return Preview(title=title, verb=verb, consequences=consequences, problems=[problem] if problem else [])

    def run(self, migration: PlanMigration) -> Response:
        if self.how in ACTS:
            return super().run(migration)
        steps = {"preview": workflow.preview, "discard": workflow.discard}
        return self.report(migration, steps[self.how](migration_id=migration.pk, at=timezone.now(), by=self.user))

    def act(self, migration: PlanMigration) -> Act[Any]:
        act: Act[Any] = ACTS[self.how](migration_id=migration.pk)
        return act

    def report(self, migration: PlanMigration, outcome: Model) -> Response:
        if isinstance(outcome, Job):
            wake(self.request)
        return self.done(CONFIRMATIONS[self.how])

    def refuse(self, text: str, field: str | None = None) -> None:
        messages.error(self.request, text)

    def show(self) -> HttpResponseBase:
        asks = self.how in ACTS and self.request.method != "POST"
        return super().show() if asks else self.go()


@admin.register(PlanMigration)
class MigrationAdmin(ReadOnlyAdmin):
    seller_paths = OF_ALL_SELLERS
    list_display = ("title", "version", "when", "state_shown", "requested_by", "created_at")
    list_filter = ("state", "when")
    list_select_related = ("version__plan", "requested_by")
    search_fields = ("title",)
    actions_list = ("plan",)
    has_form = False
    change_form_outer_before_template = "staff/plan_migrations/migration.html"

    further_pages = (
        ("<int:number>/do/<slug:how>/", "step", "billing_planmigration_step"),
        ("plan/matches/", "matches", "billing_planmigration_matches"),
    )

    plan = plan_form.PlanMigrationPage.as_action()
    step = MigrationStep.as_action()
    matches = plan_form.preview_page

    empty_text = _("A plan migration moves many subscriptions to another version, with a preview and a rollback.")

    state_shown = state_column(COLORS)

    def page_context(self, request: HttpRequest, migration: PlanMigration) -> dict[str, Any]:
        context = migration_context(migration, timezone.now())
        context["may"] = {step for step in context["may"] if is_allowed(request, PERMISSIONS[step])}
        return {"title": migration.title, "approval": find_waiting_request(migration), **context}
