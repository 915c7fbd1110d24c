"""Change the plan in the portal, if the seller allows it: choose, preview, confirm."""

import logging
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.closing import preview_change
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.models.subscriptions import RUNNING_STATES
from billing.portal.plan_description import describe_terms
from billing.subscriptions import SubscriptionRefused, change_at
from customers.models.contacts import ContactRole
from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.catalog.stored_terms import load_terms
from plans.models import PlanVersion
from plans.models.versions import PeriodAnchor

logger = logging.getLogger(__name__)

BILLING_PERIODS = [
    ("keep", _("Keep the current billing period")),
    ("restart", _("Start a new billing period on the date of the change")),
]
WHEN = [("period", _("At the end of the current period")), ("now", _("Now"))]


class CustomerPlanChangeForm(forms.Form):
    fields: dict[str, Any]  # each of its own class

    version = forms.ModelChoiceField(
        PlanVersion.objects.none(), label=_("New plan"), widget=forms.RadioSelect, empty_label=None
    )
    when = forms.ChoiceField(label=_("Date of the change"), choices=WHEN, initial="period", widget=forms.RadioSelect)

    billing_period = forms.ChoiceField(
        label=_("Billing period"), choices=BILLING_PERIODS, initial="keep", widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, subscription: Subscription, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.fields["version"].queryset = offered_for(subscription, visit)
        self.fields["version"].label_from_instance = lambda version: version.plan.name
        # Only periods that don't follow the calendar can restart.
        if not self.fields["version"].queryset.filter(anchor=PeriodAnchor.ANNIVERSARY).exists():
            del self.fields["billing_period"]

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices as arguments of `change_at`."""
        return {
            "version": self.cleaned_data["version"],
            "at_period_end": self.cleaned_data["when"] == "period",
            "billing_period": self.cleaned_data.get("billing_period", "keep"),
        }


def may_change_of(subscription: Subscription) -> bool:
    """Return whether the customer may change this plan: an active subscription to a self-service plan."""
    return subscription.state in RUNNING_STATES and subscription.version.plan.self_service


def offered_for(subscription: Subscription, visit: Visit) -> QuerySet[PlanVersion]:
    """Return the versions to change to: in force, in the subscription's currency, of self-service plans."""
    in_currency = Q(fees__currency=subscription.currency) | Q(features__prices__currency=subscription.currency)
    versions = PlanVersion.objects.in_force(visit.at).filter(in_currency, plan__self_service=True)
    return versions.exclude(pk=subscription.version_id).select_related("plan").order_by("plan__name").distinct()


@signed_in("GET", "POST", needs=ContactRole.ADMIN)
def change_plan(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Show the invoice that the change leads to; a second, identical request changes the plan."""
    subscription = visit.own_row(Subscription.objects.select_related("version__plan", "customer"), pk=number)
    if not may_change_of(subscription):
        raise Http404("Customers can't change this plan themselves.")
    figures = portal_figures(visit, str(subscription.currency))
    form = CustomerPlanChangeForm(request.POST or None, subscription=subscription, visit=visit)
    context: dict[str, Any] = {
        "subscription": subscription,
        "form": form,
        "offered": [_version_text(version, subscription, figures) for version in form.fields["version"].queryset],
    }
    if request.method == "POST" and form.is_valid():
        seen = " ".join(
            [str(form.arguments["version"].pk), form.cleaned_data["when"], form.arguments["billing_period"]]
        )
        try:
            if request.POST.get("seen") == seen:
                change_at(subscription=subscription, at=visit.at, **form.arguments)
                return redirect_with_message(
                    "portal_plan", message="scheduled" if form.arguments["at_period_end"] else "changed"
                )
            context |= {"preview": _preview_text(subscription, form, visit, figures), "seen": seen}
        except (SubscriptionRefused, UnpricedUsage, ValueError) as refusal:
            logger.info("A plan change in the portal was refused: %s", refusal)
            form.add_error(None, _refusal_text(form, visit))
    return render_page(request, visit, "change_plan.html", context, status=422 if form.errors else 200)


def _refusal_text(form: CustomerPlanChangeForm, visit: Visit) -> str:
    """Return what a customer can do; the refusal itself is in staff's words."""
    if form.arguments["billing_period"] == "restart":
        return gettext("A new billing period can’t start with this plan change. Keep the current billing period.")
    if not form.arguments["at_period_end"]:
        return gettext("The plan can’t be changed now. Choose the end of the current period.")
    names = {"plan": form.arguments["version"].plan.name, "seller": visit.customer.seller.legal_name}
    return gettext("The plan can’t be changed to %(plan)s at present. Please contact %(seller)s.") % names


def _version_text(version: PlanVersion, subscription: Subscription, figures: PortalFigures) -> dict[str, Any]:
    terms = load_terms(version.pk, str(subscription.currency))
    return {
        "name": version.plan.name,
        "description": version.plan.description,
        **describe_terms(terms, {}, figures),
    }


def _preview_text(
    subscription: Subscription, form: CustomerPlanChangeForm, visit: Visit, figures: PortalFigures
) -> dict[str, Any]:
    """Return the invoice that the change leads to; the change is made and rolled back."""
    draft = preview_change(subscription=subscription, at=visit.at, **form.arguments)
    credited = sum((credit_note.totals.total for credit_note in draft.credit_notes), start=draft.totals.total * 0)
    return {
        "plan": form.arguments["version"].plan.name,
        "is_now": not form.arguments["at_period_end"],
        "lines": [(line.description, figures.money(line.amount)) for line in draft.lines],
        "total": figures.money(draft.totals.total),
        "credited": figures.money(credited) if credited else "",
    }
