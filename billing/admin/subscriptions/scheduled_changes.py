"""Subscriptions scheduled to move to another version, with dates and problems."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from billing.models import ScheduledChange
from billing.models.plan_changes import ChangeState
from billing.subscriptions.plan_changes.revocation import RevocationRefused, revoke
from billing.subscriptions.test_clock_filters import group_by_current_time
from customers.admin.search import find_customer_ids
from lib.formats import format_number

STATE_COLORS = {"pending": "info", "done": "success", "revoked": "warning", "refused": "danger"}


@admin.register(ScheduledChange)
class ScheduledChangeAdmin(ModelAdmin):
    list_display = ("subscription_shown", "customer", "from_version", "version", "moment", "state_shown", "problem")
    list_filter = (("state", ChoicesDropdownFilter), ("version", AutocompleteSelectFilter))
    list_select_related = ("subscription__customer", "from_version__plan", "version__plan")
    search_fields = ("subscription__external_id",)
    search_help_text = "The start of a subscription's id, or part of a customer's name"
    ordering = ("-pk",)
    fields = (
        "subscription_shown",
        "customer",
        "from_version",
        "version",
        "moment",
        "state",
        "problem",
        "decided_at",
    )
    readonly_fields = fields
    actions = ("revoke_selected",)

    @display(description="Subscription")
    def subscription_shown(self, change: ScheduledChange) -> SafeString:
        url = reverse("admin:billing_subscription_change", args=[change.subscription_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, change.subscription)

    @display(description="Customer")
    def customer(self, change: ScheduledChange) -> str:
        return str(change.subscription.customer)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, change: ScheduledChange) -> tuple[str, str]:
        return change.state, change.get_state_display()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        named = Q(subscription__external_id__startswith=term) | Q(
            subscription__customer_id__in=find_customer_ids(term)
        )
        return queryset.filter(named), False

    @admin.action(description="Let the selected subscriptions stay", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ScheduledChange]) -> HttpResponse | None:
        """Ask for confirmation, then revoke the selected upcoming changes: all of them or none."""
        pending = queryset.filter(state=ChangeState.PENDING).order_by("subscription_id")
        ids = list(pending.values_list("subscription_id", flat=True))
        if "confirmed" not in request.POST:
            return self.admin_site.confirmation(
                request,
                page=self,
                title="Let subscriptions stay on their versions",
                consequences=[
                    f"{format_number(len(ids))} of the selected subscriptions have a move to come; it is revoked.",
                    "They keep their present prices, and this publication does not move them again.",
                ],
                problems=[] if ids else ["None of them has a move to come."],
                hidden=[
                    ("action", "revoke_selected"),
                    ("confirmed", "yes"),
                    *((ACTION_CHECKBOX_NAME, str(pk)) for pk in queryset.values_list("pk", flat=True)),
                ],
                verb="Let them stay",
            )
        try:
            with transaction.atomic():
                parts = group_by_current_time(ids, at=timezone.now()).items()
                count = sum(revoke(subscription_ids=ids_at_time, at=at, by=request.user) for at, ids_at_time in parts)
        except RevocationRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"{format_number(count)} stay on their versions.")
        return None

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.change_scheduledchange"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ScheduledChange | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ScheduledChange | None = None) -> bool:
        return False
