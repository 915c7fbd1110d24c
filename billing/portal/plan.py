"""The customer's plans in words, and their upcoming changes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from billing.metering.usage.current_usage import PeriodUsage, current_usage
from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import SubscriptionState
from billing.portal.plan_change import may_change_of
from billing.portal.plan_description import describe_commitment, describe_credits, describe_terms
from billing.portal.promotion_code import EnteredCodeForm, redeem_entered_code
from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.catalog.stored_terms import load_terms
from plans.models import IncludedCredits

SHOWN = [
    SubscriptionState.TRIALING,
    SubscriptionState.ACTIVE,
    SubscriptionState.PAUSED,
    SubscriptionState.CANCELED,
]
MAX_ROWS = 50
MESSAGES = {
    "changed": _("Your plan has changed."),
    "scheduled": _("Your plan will change at the end of the current period."),
    "redeemed": _("The code is applied. It discounts your next invoices."),
}
STATES = {
    SubscriptionState.TRIALING: _("Trial"),
    SubscriptionState.ACTIVE: _("Active"),
    SubscriptionState.PAUSED: _("Paused"),
    SubscriptionState.CANCELED: _("Canceled"),
}


@signed_in()
def plan(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    return _page(request, visit)


@signed_in("POST")
def enter_code(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Redeem a promotion code for a plan."""
    rows = Subscription.objects.filter(state__in=SHOWN).select_related("version__plan", "customer")
    subscription = visit.own_row(rows, pk=number)
    form = EnteredCodeForm(request.POST, subscription=subscription)
    if redeem_entered_code(form, visit, subscription):
        return redirect_with_message("portal_plan", message="redeemed")
    return _page(request, visit, code_forms={subscription.pk: form})


def _page(
    request: HttpRequest, visit: Visit, *, code_forms: Mapping[int, EnteredCodeForm] = MappingProxyType({})
) -> HttpResponseBase:
    """Return the page; code_forms: the forms that were sent and refused, by subscription."""
    customer, figures = visit.customer, portal_figures(visit)
    rows = visit.own_rows(Subscription.objects.filter(state__in=SHOWN)).select_related("version__plan")
    subscriptions = list(rows.order_by("pk")[:MAX_ROWS])
    running = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=visit.at)
    periods = {usage.subscription_id: usage for usage in running}
    credits = IncludedCredits.objects.filter(
        version__in={subscription.version_id for subscription in subscriptions}
    ).order_by("pk")
    context = {
        "subscriptions": [
            _shown(subscription, periods.get(subscription.pk), list(credits), visit, figures)
            | {"code_form": code_forms.get(subscription.pk) or EnteredCodeForm(subscription=subscription)}
            for subscription in subscriptions
        ],
        "changes": _changes(visit, figures),
        "message": MESSAGES.get(request.GET.get("message", "")),
    }
    return render_page(request, visit, "plan.html", context, status=422 if code_forms else 200)


def _shown(
    subscription: Subscription,
    running: PeriodUsage | None,
    credits: list[IncludedCredits],
    visit: Visit,
    figures: PortalFigures,
) -> dict[str, Any]:
    """
    Return a subscription as text, by the terms of its running period, or of its version if no period is running.
    """
    terms = running.terms if running else load_terms(subscription.version_id, str(subscription.currency))
    quantities = {part.fee.code: part.quantity for part in running.quantities} if running else {}
    return {
        "pk": subscription.pk,
        "plan": terms.plan_name,
        "description": subscription.version.plan.description,
        "state": STATES[SubscriptionState(subscription.state)],
        "since": figures.date(subscription.starts_at),
        "trial_until": figures.date(subscription.trial_ends_at)
        if subscription.state == SubscriptionState.TRIALING and subscription.trial_ends_at
        else "",
        "ends": figures.date(subscription.ends_at) if subscription.ends_at else "",
        "span": figures.days_text(running.starts_at, running.ends_at) if running else "",
        **describe_terms(terms, quantities, figures),
        "credits": [describe_credits(part, figures) for part in credits if _is_included(part, subscription)],
        "commitment": describe_commitment(terms, figures),
        "may_change": visit.may_manage and may_change_of(subscription),
    }


def _is_included(part: IncludedCredits, subscription: Subscription) -> bool:
    return part.version_id == subscription.version_id and part.unit in ("credits", str(subscription.currency))


def _changes(visit: Visit, figures: PortalFigures) -> list[dict[str, str]]:
    rows = visit.own_rows(ScheduledChange.objects.filter(state=ChangeState.PENDING), "subscription__customer")
    changes = rows.select_related("from_version__plan", "version__plan").order_by("moment")[:MAX_ROWS]
    return [
        {
            "before": change.from_version.plan.name,
            "after": change.version.plan.name,
            "is_same_plan": change.from_version.plan_id == change.version.plan_id,
            "at": figures.moment(change.moment),
        }
        for change in changes
    ]
