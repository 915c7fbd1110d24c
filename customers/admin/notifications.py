"""Notifications and their deliveries."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from customers.admin.search import CustomerSearch
from customers.models import Delivery, Notification
from customers.models.notifications import DeliveryState
from customers.notifications.kinds import ENDPOINT_DISABLED, KINDS, TEST
from customers.notifications.resend import resend
from customers.notifications.webhook_endpoints import EndpointRefused
from lib.admin import Preview, ReadOnlyAdmin, Response, SelectionAction
from lib.admin.columns import column, state_column, text_column

COLORS = {"pending": "info", "sending": "info", "delivered": "success", "failed": "warning", "given_up": "danger"}
MAX_AT_ONCE = 200
"""Maximum deliveries that one action sends again; the endpoint's own page can send more."""


class KindFilter(DropdownFilter):
    title = "Type"
    parameter_name = "kind"
    lookup = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in (*KINDS, TEST, ENDPOINT_DISABLED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class DeliveredKindFilter(KindFilter):
    lookup = "notification__kind"


class Log(CustomerSearch, ReadOnlyAdmin):
    """A list of what happened."""

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
    list_filter = (KindFilter, "customer")
    list_select_related = ("customer",)
    search_fields = ("key",)
    search_help_text = "Part of a customer's name, or the start of an external id"
    fields = ("created_at", "kind", "customer", "facts_in_full", "recipients_shown", "message_id", "key")

    @display(description="Recipients")
    def recipients_shown(self, notice: Notification) -> str:
        if notice.recipients is None:
            return "not handed out yet"
        return "nobody" if not notice.recipients else f"{notice.recipients:,}"


class SendAgain(SelectionAction[Delivery]):
    label, verb = "Send the selected again", "Send again"
    permission = "customers.change_delivery"
    limit = MAX_AT_ONCE

    def preview(self, deliveries: list[Delivery]) -> Preview:
        delivered_count = sum(delivery.state == DeliveryState.DELIVERED for delivery in deliveries)
        repeat_warning = (
            [f"{delivered_count:,} of them were delivered: receivers get these again."] if delivered_count else []
        )
        return Preview(
            title="Send again",
            consequences=[
                f"{len(deliveries):,} messages are sent again, with all their tries ahead of them.",
                "A webhook keeps its id, so that its receiver knows it.",
                *repeat_warning,
            ],
        )

    def run(self, deliveries: list[Delivery]) -> Response:
        sent_count, refusals = 0, set()
        for delivery in deliveries:
            try:
                resend(delivery=delivery, at=timezone.now())
                sent_count += 1
            except EndpointRefused as refusal:
                refusals.add(str(refusal))
        for reason in sorted(refusals):
            messages.warning(self.request, f"{len(deliveries) - sent_count:,} are not sent: {reason}")
        return self.done(f"{sent_count:,} messages are on their way.")


@admin.register(Delivery)
class DeliveryAdmin(Log):
    list_display = ("happened_at", "kind", "customer", "to", "state_shown", "attempts", "next_at", "said")
    list_filter = ("state", DeliveredKindFilter, "endpoint")
    list_select_related = ("notification__customer", "endpoint", "contact", "staff")
    search_fields = ("target",)
    search_help_text = "Part of a customer's name, or the start of an external id"
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
    customer_path = "notification__customer"
    actions = ("send_again",)

    send_again = SendAgain.as_action()
    kind = text_column("notification.kind", "Type")
    customer = text_column("notification.customer", "Customer")
    state_shown = state_column(COLORS)

    @display(description="Happened", ordering="notification__created_at")
    def happened_at(self, delivery: Delivery) -> Any:
        return delivery.notification.created_at

    happened = column("Happened", lambda delivery: date_format(delivery.notification.created_at, "DATETIME_FORMAT"))

    @display(description="To")
    def to(self, delivery: Delivery) -> str:
        recipient = delivery.endpoint or delivery.contact or delivery.staff
        return str(recipient) if recipient else "a contact who was removed"

    state_in_words = column("State", lambda delivery: delivery.get_state_display())

    @display(description="Answered")
    def said(self, delivery: Delivery) -> str:
        return " ".join(filter(None, (str(delivery.status or ""), delivery.answer[:80])))
