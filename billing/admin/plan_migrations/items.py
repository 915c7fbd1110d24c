"""The subscriptions of a plan migration: the previewed amounts and the outcome of each."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from billing.admin.plan_migrations.plan_form import PLAN
from billing.models import MigrationItem, PlanMigration
from billing.plan_migrations.cohort import exclude, include
from customers.admin.search import find_customer_ids
from lib.formats import format_money, format_number

COLORS = {"waiting": "info", "refused": "danger", "scheduled": "info", "moved": "success", "undone": "warning"}


@admin.register(MigrationItem)
class MoveAdmin(ModelAdmin):
    list_display = (
        "subscription_shown",
        "customer",
        "from_version",
        "state_shown",
        "bills",
        "on_change",
        "problem_shown",
    )
    list_filter = (("state", ChoicesDropdownFilter),)
    list_select_related = ("subscription__customer", "from_version__plan", "migration")
    search_fields = ("subscription__external_id",)
    search_help_text = "The start of a subscription's id, or part of a customer's name"
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
    readonly_fields = fields

    @display(description="Migration")
    def migration_shown(self, item: MigrationItem) -> SafeString:
        url = reverse("admin:billing_planmigration_change", args=[item.migration_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, item.migration)

    @display(description="Subscription")
    def subscription_shown(self, item: MigrationItem) -> SafeString:
        url = reverse("admin:billing_subscription_change", args=[item.subscription_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, item.subscription)

    @display(description="Customer")
    def customer(self, item: MigrationItem) -> str:
        return str(item.subscription.customer)

    @display(description="State", ordering="state", label=COLORS)
    def state_shown(self, item: MigrationItem) -> tuple[str, str]:
        return item.state, item.get_state_display()

    @display(description="Last bills, before → after")
    def bills(self, item: MigrationItem) -> str:
        if item.before is None or item.after is None:
            return ""
        currency = str(item.subscription.currency)
        return f"{format_money(item.before, currency)} → {format_money(item.after, currency)}"

    @display(description="On the change")
    def on_change(self, item: MigrationItem) -> str:
        return "" if item.switch is None else format_money(item.switch, str(item.subscription.currency))

    @display(description="What was found")
    def problem_shown(self, item: MigrationItem) -> str:
        return item.problem or " ".join(item.warnings)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        named = Q(subscription__external_id__startswith=term) | Q(
            subscription__customer_id__in=find_customer_ids(term)
        )
        return queryset.filter(named), False

    @admin.action(description="Leave the selected out", permissions=["plan"])
    def leave_out(self, request: HttpRequest, queryset: QuerySet[MigrationItem]) -> None:
        self._choose(request, queryset, exclude, "are left out.")

    @admin.action(description="Let the selected move after all", permissions=["plan"])
    def let_move(self, request: HttpRequest, queryset: QuerySet[MigrationItem]) -> None:
        self._choose(request, queryset, include, "move with the others.")

    def _choose(self, request: HttpRequest, queryset: QuerySet[MigrationItem], choose: Any, outcome: str) -> None:
        by_migration: dict[int, list[int]] = {}
        for pk, migration_id in queryset.values_list("pk", "migration"):
            by_migration.setdefault(migration_id, []).append(pk)
        migrations = PlanMigration.objects.in_bulk(by_migration)
        at, by = timezone.now(), request.user
        done = sum(choose(migration=migrations[id_], move_ids=ids, at=at, by=by) for id_, ids in by_migration.items())
        messages.success(request, f"{format_number(done)} {outcome}")

    def has_plan_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(PLAN))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: MigrationItem | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MigrationItem | None = None) -> bool:
        return False
