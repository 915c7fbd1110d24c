"""Webhook endpoints, and the state of their deliveries."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from unfold.decorators import display

from customers.admin.endpoint_actions import (
    AddEndpoint,
    RemoveEndpoint,
    RotateSecret,
    SendMissed,
    SendTest,
    SwitchEndpoint,
)
from customers.admin.endpoint_forms import EndpointForm
from customers.models import Delivery, WebhookEndpoint
from customers.models.webhook_endpoints import DisabledReason
from customers.notifications import endpoint_health, webhook_endpoints
from lib.admin import StaffAdmin, list_url, row_action
from lib.admin.columns import column

STATE_COLORS = {"works": "success", "sandbox": "warning", "failing": "danger", "disabled": "danger"}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(StaffAdmin):
    allows = ("add", "change")  # an endpoint is removed by an action, which keeps the deliveries readable
    form = EndpointForm
    list_display = ("shown", "url", "kinds_shown", "state", "created_at")
    list_filter = ("sandbox",)
    search_fields = ("url", "description")
    search_help_text = "Part of the address or the description"
    list_select_related = ("created_by",)
    fields = ("url", "description", "kinds", "world", "state_in_words", "signed", "created_at", "created_by")
    readonly_fields = ("world", "state_in_words", "signed", "created_at", "created_by")
    actions_detail = (
        *("send_test", "deliveries"),
        {"title": "More", "icon": "more_horiz", "items": ["missed", "rotate", "switch", "remove"]},
    )

    add_view = AddEndpoint.as_action()  # type: ignore[assignment]  # in place of the form
    send_test = SendTest.as_action()
    missed = SendMissed.as_action()
    rotate = RotateSecret.as_action()
    switch = SwitchEndpoint.as_action()
    remove = RemoveEndpoint.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).exclude(disabled_reason=DisabledReason.REMOVED)

    shown = column("Endpoint", str, ordering="description")
    kinds_shown = column("Kinds of event", lambda endpoint: ", ".join(endpoint.kinds) or "everything")
    world = column("Of", lambda endpoint: "sandbox customers" if endpoint.sandbox else "live customers")

    @display(description="State", label=STATE_COLORS)
    def state(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        if endpoint.disabled_at is not None:
            return "disabled", endpoint.get_disabled_reason_display()
        if endpoint.failing_since is not None:
            return "failing", "fails"
        return ("sandbox", "works in the sandbox") if endpoint.sandbox else ("works", "works")

    @display(description="State")
    def state_in_words(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.disabled_at is not None:
            reason = endpoint.get_disabled_reason_display()
            return f"Off since {endpoint.disabled_at:%d %b %Y, %H:%M} UTC: {reason}."
        if endpoint.failing_since is not None:
            days = endpoint_health.FAILS_FOR.days
            since = f"{endpoint.failing_since:%d %b %Y, %H:%M} UTC"
            return f"No message was accepted since {since}. After {days} days of that it is switched off."
        return "Messages are accepted, as far as any were sent."

    @display(description="Signed with")
    def signed(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.previous_until is not None and endpoint.previous_until > timezone.now():
            return f"its secret, and the one before until {endpoint.previous_until:%d %b %Y, %H:%M} UTC"
        return "its secret, which was shown when it was made"

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        webhook_endpoints.change(endpoint=obj, **{name: form.cleaned_data[name] for name in form.changed_data})

    @row_action("Deliveries", icon="list", permission="customers.view_delivery")
    def deliveries(self, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
        """Redirect to the deliveries of the endpoint."""
        return HttpResponseRedirect(f"{list_url(Delivery)}?endpoint__id__exact={endpoint.pk}")
