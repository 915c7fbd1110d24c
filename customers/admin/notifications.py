"""Notifications and their deliveries."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from customers.admin.search import CustomerSearch
from customers.models import Delivery, Notification
from customers.models.notifications import DeliveryState
from customers.notifications.kinds import ENDPOINT_DISABLED, KINDS, TEST
from customers.notifications.resend import resend
from customers.notifications.webhook_endpoints import EndpointRefused
from lib.admin import Preview, ReadOnlyAdmin, Response, SelectionAction
from lib.admin.columns import column, display, state_column, text_column

COLORS = {"pending": "info", "sending": "info", "delivered": "success", "failed": "warning", "given_up": "danger"}
MAX_AT_ONCE = 200
"""Maximum deliveries that one action sends again; the endpoint's own page can send more."""


class KindFilter(DropdownFilter):
    title = _("Type")
    parameter_name = "kind"
    lookup = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in (*KINDS, TEST, ENDPOINT_DISABLED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class DeliveredKindFilter(KindFilter):
    lookup = "notification__kind"


class Log(CustomerSearch, ReadOnlyAdmin):
    """A list of notifications or deliveries."""

    @display(description=_("Details"))
    def facts_shown(self, row: Notification | Delivery) -> str:
        facts = row.notification.facts if isinstance(row, Delivery) else row.facts
        return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)[:120]

    @display(description=_("Details"))
    def facts_in_full(self, row: Notification | Delivery) -> str:
        facts = row.notification.facts if isinstance(row, Delivery) else row.facts
        return json.dumps(facts, indent=2, ensure_ascii=False)


@admin.register(Notification)
class NoticeAdmin(Log):
    seller_paths = ("seller", "customer__seller")
    empty_text = _("Events that customers or your product are notified about appear here.")
    list_display = ("created_at", "kind", "customer", "facts_shown", "recipients_shown")
    list_filter = (KindFilter, "customer")
    list_select_related = ("customer",)
    search_fields = ("key",)
    search_help_text = _("Part of the customer's name, or start of the external ID")
    fields = ("created_at", "kind", "customer", "facts_in_full", "recipients_shown", "message_id", "key")

    @display(description=_("Recipients"))
    def recipients_shown(self, notice: Notification) -> str:
        if notice.recipients is None:
            return gettext("pending")
        return gettext("none") if not notice.recipients else f"{notice.recipients:,}"


class SendAgain(SelectionAction[Delivery]):
    label, verb = _("Resend selected messages"), _("Resend")
    permission = "customers.change_delivery"
    limit = MAX_AT_ONCE

    def preview(self, deliveries: list[Delivery]) -> Preview:
        delivered_count = sum(delivery.state == DeliveryState.DELIVERED for delivery in deliveries)
        title = ngettext("Resend %(count)s message", "Resend %(count)s messages", len(deliveries))
        consequences = [
            gettext("If a message fails, it is retried on the full schedule."),
            gettext("Webhooks keep their IDs, so receivers can recognize repeated messages."),
        ]
        if delivered_count:
            text = ngettext(
                "%(count)s message was delivered before. It will arrive twice.",
                "%(count)s messages were delivered before. They will arrive twice.",
                delivered_count,
            )
            consequences.append(text % {"count": f"{delivered_count:,}"})
        return Preview(title=title % {"count": f"{len(deliveries):,}"}, consequences=consequences)

    def run(self, deliveries: list[Delivery]) -> Response:
        sent_count, refusals = 0, set()
        for delivery in deliveries:
            try:
                resend(delivery=delivery, at=timezone.now())
                sent_count += 1
            except EndpointRefused as refusal:
                refusals.add(str(refusal))
        for reason in sorted(refusals):
            not_sent = len(deliveries) - sent_count
            text = ngettext(
                "%(count)s message was not sent: %(reason)s",
                "%(count)s messages were not sent: %(reason)s",
                not_sent,
            )
            messages.warning(self.request, text % {"count": f"{not_sent:,}", "reason": reason})
        text = ngettext("%(count)s message is queued.", "%(count)s messages are queued.", sent_count)
        return self.done(text % {"count": f"{sent_count:,}"})


@admin.register(Delivery)
class DeliveryAdmin(Log):
    seller_paths = ("notification__seller", "notification__customer__seller")
    empty_text = _("Each webhook and email appears here with its outcome.")
    list_display = ("happened_at", "kind", "customer", "to", "state_shown", "attempts", "next_at", "said")
    list_filter = ("state", DeliveredKindFilter, "endpoint")
    list_select_related = ("notification__customer", "endpoint", "contact", "staff")
    search_fields = ("target",)
    search_help_text = _("Part of the customer's name, or start of the external ID")
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
    kind = text_column("notification.kind", _("Type"))
    customer = text_column("notification.customer", _("Customer"))
    state_shown = state_column(COLORS)

    @display(description=_("Created"), ordering="notification__created_at")
    def happened_at(self, delivery: Delivery) -> Any:
        return delivery.notification.created_at

    happened = column(_("Created"), lambda delivery: date_format(delivery.notification.created_at, "DATETIME_FORMAT"))

    @display(description=_("Recipient"))
    def to(self, delivery: Delivery) -> str:
        recipient = delivery.endpoint or delivery.contact or delivery.staff
        return str(recipient) if recipient else gettext("deleted contact")

    state_in_words = column(_("State"), lambda delivery: delivery.get_state_display())

    @display(description=_("Response"))
    def said(self, delivery: Delivery) -> str:
        return " ".join(filter(None, (str(delivery.status or ""), delivery.answer[:80])))
