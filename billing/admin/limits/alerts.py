"""Alerts: the list of fired alerts, their state, and their acknowledgment."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from billing.admin.limits.alert_rules import format_levels
from billing.limits.alerts.rule_settings import acknowledge
from billing.models import Alert, Subscription
from billing.models.alerts import PERCENT_KINDS, AlertKind
from customers.customer_time import current_time_expression, loaded_current_time
from customers.models import Customer
from lib.admin import ConditionFilter, ConfirmedAction, ReadOnlyAdmin, Response, selection_action, staff_user
from lib.admin.columns import column, link_column
from lib.currencies import CREDITS, MINOR_UNITS
from lib.formats import format_money, format_units
from lib.translation import Text

REVIEW = "billing.change_alert"

MAX_SHOWN = 10
COLORS = {"open": "warning", "recovered": "success", "over": "info"}
STATE_LABELS: dict[str, Text] = {"open": _("open"), "recovered": _("recovered"), "over": _("period ended")}


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
    """Return the subject of an alert, as text."""
    watched = alert.feature or (alert.wallet.name if alert.wallet else None)
    text = f"{alert.alert_rule.get_kind_display()}: {watched}" if watched else alert.alert_rule.get_kind_display()
    return f"{text}, {alert.dimension} {alert.dimension_value}" if alert.dimension else text


def level(alert: Alert) -> str:
    """Return the crossed level, as text."""
    kind = AlertKind(alert.alert_rule.kind)
    text = format_levels(kind, str(alert.threshold))
    return gettext("below %(level)s") % {"level": text} if kind == AlertKind.LOW_BALANCE else text


def milder(alert: Any) -> str:
    """Return the number of less urgent levels of the same limit that were crossed, as text."""
    if not alert.milder:
        return ""
    text = ngettext("%(count)s milder level", "%(count)s milder levels", alert.milder)
    return text % {"count": alert.milder}


def value(alert: Alert) -> str:
    """Return the value measured when the alert fired, and the limit."""
    shown = _figure(alert, alert.value)
    if alert.limit is None:
        return shown
    return gettext("%(value)s of %(limit)s") % {"value": shown, "limit": _figure(alert, alert.limit)}


def _figure(alert: Alert, figure: Decimal) -> str:
    if alert.unit in MINOR_UNITS:
        return format_money(figure, alert.unit)
    if alert.unit == CREDITS:
        return format_money(figure, CREDITS)
    # An allowance of a part of a period has a share of the units, with six decimal places.
    return format_units(round(figure, 2 if figure < 1_000 else 0), alert.unit)


class StateFilter(ConditionFilter):
    title = _("State")
    parameter_name = "stands"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        is_open = Q(pk__in=Alert.objects.open(_now()))
        return {
            "unseen": (_("open, not reviewed"), is_open & Q(acknowledged_at__isnull=True)),
            "open": (STATE_LABELS["open"], is_open),
            "recovered": (STATE_LABELS["recovered"], Q(recovered_at__isnull=False)),
            "over": (STATE_LABELS["over"], Q(recovered_at__isnull=True, ends_at__lte=_now())),
        }


class LevelFilter(ConditionFilter):
    """Which levels the list shows: the most urgent one of each limit, unless all are asked for."""

    title = _("Level")
    parameter_name = "level"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        def percent(**bounds: int) -> Q:
            return Q(alert_rule__kind__in=PERCENT_KINDS, **{f"threshold__{name}": at for name, at in bounds.items()})

        return {
            "reached": (_("100% or more"), percent(gte=100)),
            "near": (_("90 to 99%"), percent(gte=90, lt=100)),
            "warning": (_("75 to 89%"), percent(gte=75, lt=90)),
            "early": (_("up to 74%"), percent(lt=75)),
            "all": (_("all levels of each limit"), Q()),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        alerts: Any = super().queryset(request, queryset)
        shown: QuerySet[Any] = alerts if self.value() == "all" else alerts.worst()
        return shown


def is_unreviewed(alert: Alert) -> bool:
    return alert.acknowledged_at is None


def review(alert_ids: Sequence[int], *, by: User) -> str:
    """Acknowledge alerts and the milder ones of the same limits, and return the outcome as text."""
    alerts = Alert.objects.filter(pk__in=alert_ids).with_milder()
    done = acknowledge(alert_ids=list(alerts.values_list("pk", flat=True)), by=by, at=timezone.now())
    text = ngettext("%(count)s alert marked as reviewed.", "%(count)s alerts marked as reviewed.", done)
    return text % {"count": done}


class ReviewAlert(ConfirmedAction[Alert]):
    label = verb = _("Mark as reviewed")
    icon, variant = "done_all", ActionVariant.PRIMARY
    permission = REVIEW
    is_offered = staticmethod(is_unreviewed)
    title = _("Mark alert as reviewed")
    consequences = (
        _("The alert, and the milder levels of the same limit, no longer wait for a review."),
        _("They recover as before. The customer isn't notified."),
    )

    def run(self, alert: Alert) -> Response:
        return self.done(review([alert.pk], by=self.user))


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    seller_paths = ("subscription__seller", "wallet__seller", "customer__seller")
    list_display = (
        "fired_at",
        "customer_shown",
        "subject_shown",
        "level_shown",
        "milder_shown",
        "value_shown",
        "state_shown",
        "seen_shown",
    )
    list_filter = (StateFilter, LevelFilter, "alert_rule__kind")
    list_select_related = ("alert_rule", "customer", "feature", "wallet", "subscription", "acknowledged_by")
    search_fields = ("customer__external_id", "customer__legal_name")
    search_help_text = _("Customer name or ID")
    empty_text = _("An alert appears here when usage, spend, or a balance crosses a threshold of an alert rule.")
    fields = (
        ("customer_shown", "subscription"),
        ("subject_shown", "level_shown"),
        ("value_shown", "state_label"),
        ("since", "ends_at"),
        ("fired_at", "recovered_at", "seen_shown"),
        "rule_shown",
    )
    actions = ("acknowledge_all",)
    actions_detail = ("acknowledge_one",)

    customer_shown = link_column("customer", _("Customer"))
    rule_shown = link_column("alert_rule", _("Alert rule"))
    subject_shown = column(_("Subject"), subject)
    level_shown = column(_("Threshold"), level)
    value_shown = column(_("Usage and limit"), value)
    state_shown = column(_("State"), lambda alert: (state(alert), STATE_LABELS[state(alert)]), label=COLORS)
    state_label = column(_("State"), lambda alert: STATE_LABELS[state(alert)])
    seen_shown = column(_("Reviewed by"), lambda alert: str(alert.acknowledged_by or ""))

    milder_shown = column(_("Also crossed"), milder)

    acknowledge_one = ReviewAlert.as_action()

    @selection_action(_("Mark as reviewed"), permission=REVIEW)
    def acknowledge_all(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Acknowledge the selected alerts, with the milder ones that the list counts on them."""
        messages.success(request, review(list(queryset.values_list("pk", flat=True)), by=staff_user(request)))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        counted: QuerySet[Any] = rows.count_milder()
        return counted


def alerts_of(owner: Customer | Subscription) -> list[dict[str, Any]]:
    """Return the newest alerts of a customer or a subscription for its page, in one query."""
    owner_filter = {"subscription": owner} if isinstance(owner, Subscription) else {"customer": owner}
    alerts = (
        Alert.objects.filter(**owner_filter).worst().select_related("alert_rule", "feature", "wallet", "subscription")
    )
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
