"""Notifications and their deliveries."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from customers.admin.search import find_customer_ids
from customers.models import Delivery, Notification
from customers.models.notifications import DeliveryState
from customers.notifications.kinds import ENDPOINT_DISABLED, KINDS, TEST
from customers.notifications.resend import resend
from customers.notifications.webhook_endpoints import EndpointRefused

COLORS = {"pending": "info", "sending": "info", "delivered": "success", "failed": "warning", "given_up": "danger"}
MAX_AT_ONCE = 200
"""Maximum deliveries that one action sends again; the endpoint's own page can send more."""


class KindFilter(DropdownFilter):
    title = "Type"
    parameter_name = "kind"
    lookup = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in (*KINDS, TEST, ENDPOINT_DISABLED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class DeliveredKindFilter(KindFilter):
    lookup = "notification__kind"


class Log(ModelAdmin):
    """A read-only list."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Facts")
    def facts_shown(self, row: Notification | Delivery) -> str:
        facts = row.notification.facts if isinstance(row, Delivery) else row.facts
        return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)[:120]

    @display(description="Facts")
    def facts_in_full(self, row: Notification | Delivery) -> str:
        facts = row.notification.facts if isinstance(row, Delivery) else row.facts
        return json.dumps(facts, indent=2, ensure_ascii=False)


@admin.register(Notification)
class NoticeAdmin(Log):
    list_display = ("created_at", "kind", "customer", "facts_shown", "recipients_shown")
    list_filter = (KindFilter, ("customer", AutocompleteSelectFilter))
    list_select_related = ("customer",)
    search_fields = ("key",)
    search_help_text = "Part of a customer's name, or the start of an external id"
    ordering = ("-pk",)
    fields = ("created_at", "kind", "customer", "facts_in_full", "recipients_shown", "message_id", "key")
    readonly_fields = fields

    @display(description="Recipients")
    def recipients_shown(self, notice: Notification) -> str:
        if notice.recipients is None:
            return "not handed out yet"
        return "nobody" if not notice.recipients else f"{notice.recipients:,}"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(customer_id__in=find_customer_ids(term)) if term else queryset), False


@admin.register(Delivery)
class DeliveryAdmin(Log):
    list_display = ("happened_at", "kind", "customer", "to", "state_shown", "attempts", "next_at", "said")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        DeliveredKindFilter,
        ("endpoint", AutocompleteSelectFilter),
    )
    list_select_related = ("notification__customer", "endpoint", "contact", "staff")
    search_fields = ("target",)
    search_help_text = "Part of a customer's name, or the start of an external id"
    ordering = ("-pk",)
    fields = (
        *(
            "happened",
            "kind",
            "customer",
            "facts_in_full",
            "to",
            "state_in_words",
            "attempts",
            "tried_at",
            "next_at",
        ),
        *("status", "answer"),
    )
    readonly_fields = fields
    actions = ("send_again",)

    @display(description="Happened", ordering="notification__created_at")
    def happened_at(self, delivery: Delivery) -> Any:
        return delivery.notification.created_at

    @display(description="Happened")
    def happened(self, delivery: Delivery) -> str:
        return date_format(delivery.notification.created_at, "DATETIME_FORMAT")

    @display(description="Type")
    def kind(self, delivery: Delivery) -> str:
        return delivery.notification.kind

    @display(description="Customer")
    def customer(self, delivery: Delivery) -> Any:
        return delivery.notification.customer

    @display(description="To")
    def to(self, delivery: Delivery) -> str:
        recipient = delivery.endpoint or delivery.contact or delivery.staff
        return str(recipient) if recipient else "a contact who was removed"

    @display(description="State", ordering="state", label=COLORS)
    def state_shown(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description="State")
    def state_in_words(self, delivery: Delivery) -> str:
        return delivery.get_state_display()

    @display(description="Answered")
    def said(self, delivery: Delivery) -> str:
        return " ".join(filter(None, (str(delivery.status or ""), delivery.answer[:80])))

    def has_again_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.change_delivery"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(notification__customer_id__in=find_customer_ids(term)) if term else queryset), False

    @admin.action(description="Send the selected again", permissions=["again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> Any:
        """Send webhooks and emails again, after a confirmation."""
        deliveries = list(queryset.select_related("endpoint")[:MAX_AT_ONCE])
        if "_agreed" not in request.POST:
            delivered_count = sum(delivery.state == DeliveryState.DELIVERED for delivery in deliveries)
            repeat_warning = (
                [f"{delivered_count:,} of them were delivered: receivers get these again."] if delivered_count else []
            )
            ids = [("_selected_action", str(delivery.pk)) for delivery in deliveries]
            return self.admin_site.confirmation(
                request,
                page=self,
                title="Send again",
                consequences=[
                    f"{len(deliveries):,} messages are sent again, with all their tries ahead of them.",
                    "A webhook keeps its id, so that its receiver knows it.",
                    *repeat_warning,
                ],
                hidden=[("action", "send_again"), ("_agreed", "1"), *ids],
                verb="Send again",
            )
        sent_count, refusals = 0, set()
        for chosen in deliveries:
            try:
                resend(delivery=chosen, at=timezone.now())
                sent_count += 1
            except EndpointRefused as refusal:
                refusals.add(str(refusal))
        messages.success(request, f"{sent_count:,} messages are on their way.")
        for reason in sorted(refusals):
            messages.warning(request, f"{len(deliveries) - sent_count:,} are not sent: {reason}")
        return None
