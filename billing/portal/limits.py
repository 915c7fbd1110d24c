"""Budgets and spend caps that the customer sets, within those of finance; and the alerts they caused."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.limits.alerts.rule_settings import (
    DEFAULT_LEVELS,
    AlertRuleRefused,
    AlertScope,
    remove_alert_rule,
    set_alert_rule,
)
from billing.limits.spend_caps import CapRefused, remove_cap, set_cap
from billing.models import Alert, AlertRule, SpendCap, Subscription
from billing.models.alerts import AlertKind
from billing.models.price_overrides import CapAction, CapSetter
from billing.portal.alert_text import alert_text
from billing.portal.limit_forms import ACTIONS, RULE_TITLES, BudgetForm, CustomerCapForm
from billing.portal.query_params import running_of
from customers.models.contacts import ContactRole
from customers.portal.visit import Visit, paginate, redirect_with_message, render_page, signed_in
from invoices.portal.formats import PortalFigures, percent_of, portal_figures
from lib.decimals import ZERO, to_plain_string
from plans.catalog.stored_terms import load_terms
from plans.models import Feature

MESSAGES = {
    "budget": _("Alert rule added. Contacts who get usage alerts receive an email at each threshold."),
    "cap": _("Spend cap set. It applies from the current period on."),
    "removed": _("Removed."),
    "theirs": _("You can’t remove a limit that your provider has set. Please contact them."),
}


@signed_in()
def limits(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    return _page(request, visit)


@signed_in("POST", needs=ContactRole.ADMIN)
def set_budget(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    form = BudgetForm(request.POST, visit=visit, features=features_of(visit))
    if form.is_valid():
        chosen = form.cleaned_data
        scope = AlertScope(
            customer=visit.customer,
            feature=form.of_feature,
            dimension=chosen.get("dimension", ""),
            value=chosen.get("value", ""),
        )
        try:
            set_alert_rule(
                kind=chosen["kind"],
                scope=scope,
                levels=chosen["levels"],
                amount=chosen["amount"],
                set_by=CapSetter.CUSTOMER,
                at=visit.at,
            )
            return redirect_with_message("portal_limits", message="budget")
        except AlertRuleRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
    return _page(request, visit, budget=form)


@signed_in("POST", needs=ContactRole.ADMIN)
def remove_budget(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Remove an alert rule that the customer set."""
    rule = visit.own_row(AlertRule.objects.filter(removed_at__isnull=True), pk=number)
    if rule.set_by != CapSetter.CUSTOMER:
        return redirect_with_message("portal_limits", message="theirs")
    remove_alert_rule(alert_rule=rule, at=visit.at)
    return redirect_with_message("portal_limits", message="removed")


@signed_in("POST", needs=ContactRole.ADMIN)
def set_spend_cap(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    form = CustomerCapForm(request.POST, visit=visit, features=features_of(visit))
    if form.is_valid():
        chosen = form.cleaned_data
        match = {chosen["dimension"]: chosen["value"]} if chosen.get("dimension") else {}
        try:
            set_cap(
                customer=visit.customer,
                amount=chosen["amount"],
                feature=form.of_feature,
                match=match,
                action=chosen["action"],
                per_minute=chosen["per_minute"],
                set_by=CapSetter.CUSTOMER,
                at=visit.at,
            )
            return redirect_with_message("portal_limits", message="cap")
        except CapRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
    return _page(request, visit, cap=form)


@signed_in("POST", needs=ContactRole.ADMIN)
def remove_spend_cap(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Remove a cap that the customer set on all of their subscriptions."""
    cap = visit.own_row(SpendCap.objects.all(), pk=number)
    if cap.set_by != CapSetter.CUSTOMER:
        return redirect_with_message("portal_limits", message="theirs")
    remove_cap(cap=cap, at=visit.at)
    return redirect_with_message("portal_limits", message="removed")


def _page(
    request: HttpRequest, visit: Visit, *, budget: BudgetForm | None = None, cap: CustomerCapForm | None = None
) -> HttpResponseBase:
    figures, features = portal_figures(visit), features_of(visit)
    related = ("alert_rule", "feature", "wallet", "subscription")
    alert_rows = visit.own_rows(Alert.objects.worst().select_related(*related))
    alerts, more = paginate(alert_rows, request, size=10)
    rules = visit.own_rows(AlertRule.objects.filter(removed_at__isnull=True)).select_related(
        "feature", "subscription"
    )
    caps = visit.own_rows(SpendCap.objects.select_related("feature"))
    subscription_caps = visit.own_rows(SpendCap.objects.select_related("feature"), "subscription__customer")
    spent = {usage.cap.id: usage.spent for period in running_of(visit) for usage in period.caps}
    context = {
        "alerts": [alert_text(alert, figures, at=visit.at) for alert in alerts],
        "more": more,
        "rules": [_rule(rule, figures) for rule in rules.order_by("pk")],
        "caps": [
            _cap(spend_cap, spent.get(spend_cap.pk, ZERO), figures)
            for spend_cap in (caps | subscription_caps).order_by("pk")
        ],
        "budget": budget or BudgetForm(visit=visit, features=features),
        "cap": cap or CustomerCapForm(visit=visit, features=features),
        "currency": str(visit.customer.currency),
        "message": MESSAGES.get(request.GET.get("message", "")),
    }
    refused = bool((budget and budget.errors) or (cap and cap.errors))
    return render_page(request, visit, "limits.html", context, status=422 if refused else 200)


def features_of(visit: Visit) -> dict[str, str]:
    """Return code → name of the features metered for the customer's running subscriptions."""
    running = visit.own_rows(Subscription.objects.running())
    return {
        feature.code: feature.name
        for version, currency in running.values_list("version_id", "currency").distinct()
        for feature in load_terms(version, currency).features
    }


def _rule(rule: AlertRule, figures: PortalFigures) -> dict[str, Any]:
    amount = _amount(rule.amount, rule.currency, figures) if rule.amount is not None else ""
    return {
        "pk": rule.pk,
        "title": RULE_TITLES[AlertKind(rule.kind)],
        "scope": _scope_text(rule.feature, {rule.dimension: rule.dimension_value} if rule.dimension else {}),
        "amount": amount,
        "levels": ", ".join(
            _level_text(rule.kind, level, figures) for level in rule.levels or DEFAULT_LEVELS[rule.kind]
        ),
        "is_own": rule.set_by == CapSetter.CUSTOMER,
        "is_on": rule.is_on,
    }


def _cap(cap: SpendCap, spent: Decimal, figures: PortalFigures) -> dict[str, Any]:
    share = percent_of(spent, cap.amount) if cap.amount else Decimal(100)  # a cap of zero is reached from the start
    action = str(ACTIONS[CapAction(cap.action)])
    if cap.per_minute:
        text = ngettext(
            "Slow down to %(count)s request a minute", "Slow down to %(count)s requests a minute", cap.per_minute
        )
        action = text % {"count": figures.quantity(Decimal(cap.per_minute))}
    return {
        "pk": cap.pk,
        "scope": _scope_text(cap.feature, cap.match),
        "amount": _amount(cap.amount, str(cap.currency), figures),
        "spent": _amount(spent, str(cap.currency), figures),
        "share": to_plain_string(share),
        "percent": figures.percent(share),
        "action": action,
        "is_own": cap.set_by == CapSetter.CUSTOMER and cap.customer_id is not None,
    }


def _level_text(kind: str, level: int, figures: PortalFigures) -> str:
    if kind == AlertKind.ANOMALY:
        return f"{level} ×"
    if kind == AlertKind.EXPIRING:
        return ngettext("%(count)s day before", "%(count)s days before", level) % {"count": level}
    return figures.percent(Decimal(level))


def _scope_text(feature: Feature | None, match: dict[str, str]) -> str:
    name = str(feature) if feature else gettext("All usage")
    return ", ".join([name, *(f"{dimension} {value}" for dimension, value in match.items())])


def _amount(amount: Decimal, currency: str, figures: PortalFigures) -> str:
    return figures.in_currency(amount, currency) if currency else figures.quantity(amount)
