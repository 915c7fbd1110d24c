"""The subscriptions of a plan migration: the previewed amounts and the outcome of each."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from billing.admin.plan_migrations.plan_form import PLAN
from billing.admin.subscriptions.subscription_action import SubscriptionRowsAdmin
from billing.models import MigrationItem, PlanMigration
from billing.plan_migrations.cohort import exclude, include
from lib.admin import selection_action
from lib.admin.columns import column, link_column, state_column
from lib.formats import format_money, format_number

COLORS = {"waiting": "info", "refused": "danger", "scheduled": "info", "moved": "success", "undone": "warning"}


@admin.register(MigrationItem)
class MoveAdmin(SubscriptionRowsAdmin):
    list_display = (
        "subscription_shown",
        "customer",
        "from_version",
        "state_shown",
        "bills",
        "on_change",
        "problem_shown",
    )
    list_filter = ("state",)
    list_select_related = ("subscription__customer", "from_version__plan", "migration")
    ordering = ("migration", "pk")
    actions = ("leave_out", "let_move")
    fields = (
        "migration_shown",
        "subscription_shown",
        "customer",
        "from_version",
        "state",
        "bills",
        "on_change",
        "problem_shown",
        "moved_at",
        "undone_at",
    )

    migration_shown = link_column("migration", "Migration")
    state_shown = state_column(COLORS)

    @display(description="Last bills, before → after")
    def bills(self, item: MigrationItem) -> str:
        if item.before is None or item.after is None:
            return ""
        currency = str(item.subscription.currency)
        return f"{format_money(item.before, currency)} → {format_money(item.after, currency)}"

    @display(description="On the change")
    def on_change(self, item: MigrationItem) -> str:
        return "" if item.switch is None else format_money(item.switch, str(item.subscription.currency))

    problem_shown = column("What was found", lambda item: item.problem or " ".join(item.warnings))

    @selection_action("Leave the selected out", permission=PLAN)
    def leave_out(self, request: HttpRequest, queryset: QuerySet[MigrationItem]) -> None:
        self._choose(request, queryset, exclude, "are left out.")

    @selection_action("Let the selected move after all", permission=PLAN)
    def let_move(self, request: HttpRequest, queryset: QuerySet[MigrationItem]) -> None:
        self._choose(request, queryset, include, "move with the others.")

    def _choose(
        self,
        request: HttpRequest,
        queryset: QuerySet[MigrationItem],
        choose: Callable[..., int],
        outcome: str,
    ) -> None:
        by_migration: dict[int, list[int]] = {}
        for pk, migration_id in queryset.values_list("pk", "migration"):
            by_migration.setdefault(migration_id, []).append(pk)
        migrations = PlanMigration.objects.in_bulk(by_migration)
        at, by = timezone.now(), request.user
        done = sum(choose(migration=migrations[id_], move_ids=ids, at=at, by=by) for id_, ids in by_migration.items())
        messages.success(request, f"{format_number(done)} {outcome}")
