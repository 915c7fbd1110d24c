"""Webhook endpoints, and the state of their deliveries."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

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
from lib.admin.columns import column, display
from lib.admin.seller_restriction import OF_ALL_SELLERS

STATE_COLORS = {"works": "success", "sandbox": "warning", "failing": "danger", "disabled": "danger"}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(StaffAdmin):
    seller_paths = OF_ALL_SELLERS
    allows = ("add", "change")  # an endpoint is removed by an action, which keeps the deliveries readable
    form = EndpointForm
    empty_text = _("Add a URL of your product to receive signed messages about events.")
    list_display = ("shown", "url", "kinds_shown", "state", "created_at")
    search_fields = ("url", "description")
    search_help_text = _("Part of the URL or the description")
    list_select_related = ("created_by",)
    fields = ("url", "description", "kinds", "world", "state_in_words", "signed", "created_at", "created_by")
    readonly_fields = ("world", "state_in_words", "signed", "created_at", "created_by")
    actions_detail = (
        *("send_test", "deliveries"),
        {"title": _("More"), "icon": "more_horiz", "items": ["missed", "rotate", "switch", "remove"]},
    )

    add_view = AddEndpoint.as_action()  # type: ignore[assignment]  # in place of the form
    send_test = SendTest.as_action()
    missed = SendMissed.as_action()
    rotate = RotateSecret.as_action()
    switch = SwitchEndpoint.as_action()
    remove = RemoveEndpoint.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).exclude(disabled_reason=DisabledReason.REMOVED)

    shown = column(_("Endpoint"), str, ordering="description")
    kinds_shown = column(_("Events to send"), lambda endpoint: ", ".join(endpoint.kinds) or gettext("all"))
    world = column(
        _("Customers"), lambda endpoint: gettext("sandbox only") if endpoint.sandbox else gettext("live only")
    )

    @display(description=_("State"), label=STATE_COLORS)
    def state(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        if endpoint.disabled_at is not None:
            return "disabled", endpoint.get_disabled_reason_display()
        if endpoint.failing_since is not None:
            return "failing", gettext("failing")
        return ("sandbox", gettext("active, sandbox only")) if endpoint.sandbox else ("works", gettext("active"))

    @display(description=_("State"))
    def state_in_words(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.disabled_at is not None:
            text = gettext("Disabled since %(time)s UTC: %(reason)s.")
            return text % {"time": _time(endpoint.disabled_at), "reason": endpoint.get_disabled_reason_display()}
        if endpoint.failing_since is not None:
            days = endpoint_health.FAILS_FOR.days
            text = ngettext(
                "All messages have failed since %(time)s UTC. After %(days)s day, the endpoint is disabled.",
                "All messages have failed since %(time)s UTC. After %(days)s days, the endpoint is disabled.",
                days,
            )
            return text % {"time": _time(endpoint.failing_since), "days": days}
        return gettext("Active: no message is failing.")

    @display(description=_("Signature"))
    def signed(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.previous_until is not None and endpoint.previous_until > timezone.now():
            text = gettext("Current secret, and the previous one until %(time)s UTC")
            return text % {"time": _time(endpoint.previous_until)}
        return gettext("Current secret")

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        webhook_endpoints.change(endpoint=obj, **{name: form.cleaned_data[name] for name in form.changed_data})

    @row_action(_("Deliveries"), icon="list", permission="customers.view_delivery")
    def deliveries(self, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
        """Redirect to the deliveries of the endpoint."""
        return HttpResponseRedirect(f"{list_url(Delivery)}?endpoint__id__exact={endpoint.pk}")


def _time(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
