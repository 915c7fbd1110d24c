"""The subscriptions of a plan migration: the previewed amounts and the outcome of each."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.admin.subscriptions.subscription_action import SubscriptionRowsAdmin
from billing.models import MigrationItem, PlanMigration
from billing.plan_migrations.cohort import exclude, include
from billing.plan_migrations.jobs import PLAN
from lib.admin import selection_action
from lib.admin.columns import column, link_column, money_column, state_column
from lib.formats import format_number

COLORS = {"waiting": "info", "refused": "danger", "scheduled": "info", "moved": "success", "undone": "warning"}


@admin.register(MigrationItem)
class MoveAdmin(SubscriptionRowsAdmin):
    seller_paths = ("subscription__seller",)
    list_display = (
        "subscription_shown",
        "customer",
        "from_version",
        "state_shown",
        "before_shown",
        "after_shown",
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
        "before_shown",
        "after_shown",
        "on_change",
        "problem_shown",
        "moved_at",
        "undone_at",
    )

    migration_shown = link_column("migration", _("Migration"))
    state_shown = state_column(COLORS)

    before_shown = money_column("before", _("Last bills"), currency="subscription.currency")
    after_shown = money_column("after", _("With the new version"), currency="subscription.currency")
    on_change = money_column("switch", _("Invoice at the switch"), currency="subscription.currency")

    problem_shown = column(_("Problems and warnings"), lambda item: item.problem or " ".join(item.warnings))

    @selection_action(_("Exclude from the migration"), permission=PLAN)
    def leave_out(self, request: HttpRequest, queryset: QuerySet[MigrationItem]) -> None:
        count = self._choose(request, queryset, exclude)
        text = ngettext("%(count)s subscription excluded.", "%(count)s subscriptions excluded.", count)
        messages.success(request, text % {"count": format_number(count)})

    @selection_action(_("Include in the migration again"), permission=PLAN)
    def let_move(self, request: HttpRequest, queryset: QuerySet[MigrationItem]) -> None:
        count = self._choose(request, queryset, include)
        text = ngettext("%(count)s subscription included.", "%(count)s subscriptions included.", count)
        messages.success(request, text % {"count": format_number(count)})

    def _choose(self, request: HttpRequest, queryset: QuerySet[MigrationItem], choose: Callable[..., int]) -> int:
        by_migration: dict[int, list[int]] = {}
        for pk, migration_id in queryset.values_list("pk", "migration"):
            by_migration.setdefault(migration_id, []).append(pk)
        migrations = PlanMigration.objects.in_bulk(by_migration)
        at, by = timezone.now(), request.user
        return sum(choose(migration=migrations[id_], move_ids=ids, at=at, by=by) for id_, ids in by_migration.items())
