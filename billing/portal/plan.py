"""What the customer is on, in plain words, and what changes of it are to come."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from billing.metering.usage.current_usage import PeriodUsage, current_usage
from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import SubscriptionState
from billing.portal.plan_change import may_change_of
from billing.portal.plan_description import feature_of, fees_of, length
from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.catalog.stored_terms import load_terms
from plans.models import IncludedCredits
from wallets.statements.formats import stands_in

SHOWN = [
    SubscriptionState.TRIALING,
    SubscriptionState.ACTIVE,
    SubscriptionState.PAUSED,
    SubscriptionState.CANCELED,
]
MOST = 50
TOLD = {
    "changed": "Your plan is changed.",
    "scheduled": "Your plan changes when the running period ends.",
}


@signed_in()
def plan(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    of, figures = visit.customer, portal_figures(visit)
    rows = visit.own_rows(Subscription.objects.filter(state__in=SHOWN)).select_related("version__plan")
    found = list(rows.order_by("pk")[:MOST])
    running = current_usage(customer=of.external_id, sandbox=of.sandbox, at=visit.at)
    periods = {one.subscription_id: one for one in running}
    credits = IncludedCredits.objects.filter(version__in={one.version_id for one in found}).order_by("pk")
    context = {
        "subscriptions": [_shown(one, periods.get(one.pk), list(credits), visit, figures) for one in found],
        "changes": _changes(visit, figures),
        "told": TOLD.get(request.GET.get("told", "")),
    }
    return render_page(request, visit, "plan.html", context)


def _shown(
    one: Subscription,
    running: PeriodUsage | None,
    credits: list[IncludedCredits],
    visit: Visit,
    figures: PortalFigures,
) -> dict[str, Any]:
    """Return a subscription as text: by what was agreed for its running period, by its version where none runs."""
    terms = running.terms if running else load_terms(one.version_id, str(one.currency))
    held = {part.fee.code: part.quantity for part in running.quantities} if running else {}
    promise = terms.commitment
    return {
        "pk": one.pk,
        "plan": terms.plan_name,
        "description": one.version.plan.description,
        "state": one.get_state_display(),
        "since": figures.date(one.starts_at),
        "trial_until": figures.date(one.trial_ends_at) if one.state == SubscriptionState.TRIALING else "",
        "ends": figures.date(one.ends_at) if one.ends_at else "",
        "span": figures.days_text(running.starts_at, running.ends_at) if running else "",
        "length": length(terms.interval),
        "fees": fees_of(terms, held, figures),
        "features": [feature_of(feature, terms, figures) for feature in terms.features],
        "credits": [_credits(part, figures) for part in credits if _comes_with(part, one)],
        "promise": figures.in_currency(promise.minimum, terms.currency) if promise else "",
        "may_change": visit.may_change and may_change_of(one),
    }


def _comes_with(part: IncludedCredits, one: Subscription) -> bool:
    return part.version_id == one.version_id and part.unit in ("credits", str(one.currency))


def _credits(part: IncludedCredits, figures: PortalFigures) -> str:
    amount = figures.in_currency(part.amount, stands_in(part.unit))
    return f"{amount}, {part.get_every_display()}"


def _changes(visit: Visit, figures: PortalFigures) -> list[dict[str, str]]:
    rows = visit.own_rows(ScheduledChange.objects.filter(state=ChangeState.PENDING), "subscription__customer")
    found = rows.select_related("from_version__plan", "version__plan").order_by("moment")[:MOST]
    return [
        {
            "before": one.from_version.plan.name,
            "after": one.version.plan.name,
            "is_same_plan": one.from_version.plan_id == one.version.plan_id,
            "at": figures.moment(one.moment),
        }
        for one in found
    ]
