"""Budgets and spend caps as the customer sets them, under finance's, and the alerts that were told."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

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
from billing.portal.alert_text import shown
from billing.portal.limit_forms import ACTIONS, KINDS, BudgetForm, CapForm
from customers.portal.visit import Visit, paginate, redirect_with_message, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.catalog.stored_terms import load_terms
from plans.models import Feature

TOLD = {
    "budget": "Set. Contacts who are told of limits get a mail when it is reached.",
    "cap": "Set. It holds in this period and those that come.",
    "removed": "Removed.",
    "theirs": "It was not set by you: ask us to change it.",
}


@signed_in()
def limits(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    return _page(request, visit)


@signed_in("POST")
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


@signed_in("POST")
def remove_budget(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Watch it no more, where the customer has set it."""
    found = visit.own_row(AlertRule.objects.filter(removed_at__isnull=True), pk=number)
    if found.set_by != CapSetter.CUSTOMER:
        return redirect_with_message("portal_limits", message="theirs")
    remove_alert_rule(alert_rule=found, at=visit.at)
    return redirect_with_message("portal_limits", message="removed")


@signed_in("POST")
def set_spend_cap(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    form = CapForm(request.POST, visit=visit, features=features_of(visit))
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


@signed_in("POST")
def remove_spend_cap(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Take a cap away, where the customer has set it on all that they have."""
    found = visit.own_row(SpendCap.objects.all(), pk=number)
    if found.set_by != CapSetter.CUSTOMER:
        return redirect_with_message("portal_limits", message="theirs")
    remove_cap(cap=found, at=visit.at)
    return redirect_with_message("portal_limits", message="removed")


def _page(
    request: HttpRequest, visit: Visit, *, budget: BudgetForm | None = None, cap: CapForm | None = None
) -> HttpResponseBase:
    figures, features = portal_figures(visit), features_of(visit)
    told = visit.own_rows(Alert.objects.select_related("alert_rule", "feature", "wallet", "subscription"))
    alerts, more = paginate(told, request, size=10)
    rules = visit.own_rows(AlertRule.objects.filter(removed_at__isnull=True)).select_related(
        "feature", "subscription"
    )
    caps = visit.own_rows(SpendCap.objects.select_related("feature"))
    of_subscriptions = visit.own_rows(SpendCap.objects.select_related("feature"), "subscription__customer")
    context = {
        "alerts": [shown(one, figures, at=visit.at) for one in alerts],
        "more": more,
        "rules": [_rule(one, figures) for one in rules.order_by("pk")],
        "caps": [_cap(one, figures) for one in (caps | of_subscriptions).order_by("pk")],
        "budget": budget or BudgetForm(visit=visit, features=features),
        "cap": cap or CapForm(visit=visit, features=features),
        "currency": str(visit.customer.currency),
        "told": TOLD.get(request.GET.get("told", "")),
    }
    refused = bool((budget and budget.errors) or (cap and cap.errors))
    return render_page(request, visit, "limits.html", context, status=422 if refused else 200)


def features_of(visit: Visit) -> dict[str, str]:
    """Return code → name of the features that the customer's running subscriptions meter."""
    running = visit.own_rows(Subscription.objects.running())
    return {
        feature.code: feature.name
        for version, currency in running.values_list("version_id", "currency").distinct()
        for feature in load_terms(version, currency).features
    }


def _rule(one: AlertRule, figures: PortalFigures) -> dict[str, Any]:
    levels = ", ".join(f"{level} %" for level in one.levels or DEFAULT_LEVELS[one.kind])
    amount = _amount(one.amount, one.currency, figures) if one.amount is not None else ""
    return {
        "pk": one.pk,
        "what": KINDS.get(AlertKind(one.kind), one.get_kind_display().capitalize()),
        "of": _of(one.feature, {one.dimension: one.dimension_value} if one.dimension else {}),
        "amount": amount,
        "levels": levels,
        "is_own": one.set_by == CapSetter.CUSTOMER,
        "is_on": one.is_on,
    }


def _cap(one: SpendCap, figures: PortalFigures) -> dict[str, Any]:
    then = ACTIONS[CapAction(one.action)]
    return {
        "pk": one.pk,
        "of": _of(one.feature, one.match),
        "amount": _amount(one.amount, str(one.currency), figures),
        "then": f"{then} ({one.per_minute} a minute)" if one.per_minute else then,
        "is_own": one.set_by == CapSetter.CUSTOMER and one.customer_id is not None,
    }


def _of(feature: Feature | None, match: dict[str, str]) -> str:
    where = ", ".join(f"{name} {value}" for name, value in match.items())
    return f"{feature or 'all usage'}{', ' if where else ''}{where}"


def _amount(amount: Decimal, currency: str, figures: PortalFigures) -> str:
    return figures.in_currency(amount, currency) if currency else figures.quantity(amount)
