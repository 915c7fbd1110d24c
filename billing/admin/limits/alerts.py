"""Alerts: the list of fired alerts, their state, and their acknowledgment."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from billing.admin.limits.alert_rules import UNITS
from billing.limits.alerts.rule_settings import acknowledge
from billing.models import Alert, Subscription
from billing.models.alerts import AlertKind
from customers.customer_time import current_time_expression, loaded_current_time
from customers.models import Customer
from lib.currencies import MINOR_UNITS
from lib.formats import format_money, format_number, format_units

MAX_SHOWN = 10
COLORS = {"open": "warning", "recovered": "success", "over": "info"}
STATE_LABELS = {"open": "open", "recovered": "recovered", "over": "its period is over"}


class StateFilter(DropdownFilter):
    title = "State"
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unseen", "open, nobody has seen to it"), *STATE_LABELS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() == "recovered":
            return queryset.filter(recovered_at__isnull=False)
        if self.value() == "over":
            return queryset.filter(recovered_at__isnull=True, ends_at__lte=_now())
        if self.value() in ("open", "unseen"):
            queryset = queryset.filter(pk__in=Alert.objects.open(_now()))
            return queryset.filter(acknowledged_at__isnull=True) if self.value() == "unseen" else queryset
        return queryset


@admin.register(Alert)
class AlertAdmin(ModelAdmin):
    list_display = (
        "fired_at",
        "customer_shown",
        "subject_shown",
        "level_shown",
        "value_shown",
        "state_shown",
        "seen_shown",
    )
    list_filter = (StateFilter, ("alert_rule__kind", ChoicesDropdownFilter))
    list_select_related = ("alert_rule", "customer", "feature", "wallet", "subscription", "acknowledged_by")
    search_fields = ("customer__external_id", "customer__legal_name")
    search_help_text = "A customer's name or id"
    ordering = ("-pk",)
    fields = (
        ("customer_shown", "subscription"),
        ("subject_shown", "level_shown"),
        ("value_shown", "state_label"),
        ("since", "ends_at"),
        ("fired_at", "recovered_at", "seen_shown"),
        "rule_shown",
    )
    readonly_fields = tuple(name for row in fields for name in ([row] if isinstance(row, str) else row))
    actions = ("acknowledge_all",)

    @display(description="Customer")
    def customer_shown(self, alert: Alert) -> str:
        url = reverse("admin:customers_customer_change", args=[alert.customer_id])
        return format_html('<a href="{}">{}</a>', url, alert.customer)

    @display(description="Subject")
    def subject_shown(self, alert: Alert) -> str:
        return subject(alert)

    @display(description="Level")
    def level_shown(self, alert: Alert) -> str:
        return level(alert)

    @display(description="Value, of the limit")
    def value_shown(self, alert: Alert) -> str:
        return value(alert)

    @display(description="State", label=COLORS)
    def state_shown(self, alert: Alert) -> tuple[str, str]:
        return state(alert), STATE_LABELS[state(alert)]

    @display(description="State")
    def state_label(self, alert: Alert) -> str:
        return STATE_LABELS[state(alert)]

    @display(description="Seen by")
    def seen_shown(self, alert: Alert) -> str:
        return str(alert.acknowledged_by or "")

    @display(description="Alert rule")
    def rule_shown(self, alert: Alert) -> str:
        url = reverse("admin:billing_alertrule_change", args=[alert.alert_rule_id])
        return format_html('<a href="{}">{}</a>', url, alert.alert_rule)

    @action(description="Note that somebody has seen to them", permissions=["acknowledge"])
    def acknowledge_all(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Acknowledge the selected alerts."""
        ids = list(queryset.values_list("pk", flat=True))
        done = acknowledge(alert_ids=ids, by=request.user, at=timezone.now())
        messages.success(request, f"{done} of {len(ids)} alerts are noted as seen by you.")

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("billing.change_alert"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False


def alerts_of(owner: Customer | Subscription) -> list[dict[str, Any]]:
    """Return the newest alerts of a customer or a subscription for its page, in one query."""
    owner_filter = {"subscription": owner} if isinstance(owner, Subscription) else {"customer": owner}
    alerts = Alert.objects.filter(**owner_filter).select_related("alert_rule", "feature", "wallet", "subscription")
    return [
        {
            "pk": alert.pk,
            "fired_at": alert.fired_at,
            "what": subject(alert),
            "level": level(alert),
            "value": value(alert),
            "state": STATE_LABELS[state(alert)],
            "is_open": state(alert) == "open",
        }
        for alert in alerts.order_by("-pk")[:MAX_SHOWN]
    ]


def _now() -> Coalesce:
    return current_time_expression(timezone.now(), "customer")


def state(alert: Alert) -> str:
    """Return the state of an alert: open, recovered, or over."""
    if alert.recovered_at is not None:
        return "recovered"
    return (
        "over"
        if alert.ends_at is not None and alert.ends_at <= loaded_current_time(alert.customer, now=timezone.now())
        else "open"
    )


def subject(alert: Alert) -> str:
    """Return the subject of an alert, in words."""
    watched = alert.feature or (alert.wallet.name if alert.wallet else None)
    text = f"{alert.alert_rule.get_kind_display()}: {watched}" if watched else alert.alert_rule.get_kind_display()
    return f"{text}, {alert.dimension} {alert.dimension_value}" if alert.dimension else text


def level(alert: Alert) -> str:
    """Return the crossed level, in words."""
    kind = AlertKind(alert.alert_rule.kind)
    sign = "below " if kind == AlertKind.LOW_BALANCE else ""
    return f"{sign}{alert.threshold} {UNITS.get(kind, '%')}"


def value(alert: Alert) -> str:
    """Return the value measured when the alert fired, and the limit."""
    shown = _figure(alert, alert.value)
    return shown if alert.limit is None else f"{shown} of {_figure(alert, alert.limit)}"


def _figure(alert: Alert, figure: Any) -> str:
    if alert.unit in MINOR_UNITS:
        return format_money(figure, alert.unit)
    return f"{format_number(figure)} credits" if alert.unit == "credits" else format_units(figure, alert.unit)
