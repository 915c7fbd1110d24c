"""Change a plan by hand: choose, preview the invoice, confirm."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
)

from billing.admin.closing.invoice_preview import credits_shown
from billing.closing import preview_change
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.subscriptions import SubscriptionRefused, change_at
from customers.customer_time import current_time
from lib.formats import format_money
from plans.models import PlanVersion

CONSEQUENCES = [
    "What was used until then is billed by the present version, with its whole allowance.",
    "From then on the new version's prices and features hold; in mid-period with its part of the new allowance for"
    " the rest of the interval.",
]
WHEN = [("now", "now"), ("period", "at the end of the running period"), ("date", "at a date")]


class PlanChangeForm(forms.Form):
    version = forms.ModelChoiceField(
        PlanVersion.objects.none(), label="To", widget=UnfoldAdminSelectWidget, help_text="Versions in force."
    )

    when = forms.ChoiceField(label="When", choices=WHEN, initial="now", widget=UnfoldAdminRadioSelectWidget)
    moment = forms.SplitDateTimeField(
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="It can be seen under Scheduled changes, and revoked, until then.",
    )

    def __init__(self, *args: Any, subscription: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = subscription.customer.time_zone
        self.fields["moment"].label = f"Date ({self.zone})"
        offered = Q(fees__currency=subscription.currency) | Q(features__prices__currency=subscription.currency)
        self.fields["version"].queryset = (
            PlanVersion.objects.open_to(sandbox=subscription.sandbox, at=at)
            .filter(offered)
            .exclude(pk=subscription.version_id)
            .select_related("plan")
            .order_by("plan__name", "number")
            .distinct()
        )

    def clean(self) -> dict[str, Any]:
        """Interpret the date in the customer's time zone."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") != "date":
            cleaned["moment"] = None
        elif cleaned.get("moment"):
            cleaned["moment"] = cleaned["moment"].replace(tzinfo=ZoneInfo(self.zone))
        elif "moment" not in self.errors:
            self.add_error("moment", "Enter the date that it changes on.")
        return cleaned

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices as arguments of `change_at`."""
        chosen = self.cleaned_data
        return {
            "version": chosen["version"],
            "moment": chosen["moment"],
            "at_period_end": chosen["when"] == "period",
        }


def plan_change_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """
    Ask for the version and the date, then show the resulting invoice; the second confirmation changes the plan.

    The confirmed choice is always the one shown: another version or date is shown first.
    """
    at = current_time(subscription.customer)
    form = PlanChangeForm(request.POST or None, subscription=subscription, at=at)
    seen, consequences = "", CONSEQUENCES
    if request.method == "POST" and form.is_valid():
        chosen = " ".join(map(str, form.arguments.values()))
        try:
            if request.POST.get("seen") == chosen:
                change_at(subscription=subscription, at=at, by=request.user, **form.arguments)
                when = "now" if form.cleaned_data["when"] == "now" else "later, as scheduled"
                messages.success(request, f"{subscription} is on {form.arguments['version']} {when}.")
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
            consequences = [*CONSEQUENCES, *_describe_preview(subscription, form.arguments, at)]
            seen = chosen
        except (SubscriptionRefused, UnpricedUsage, ValueError) as refusal:
            form.add_error(None, str(refusal))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Change {subscription.version} of {subscription.customer}",
        consequences=consequences,
        form=form,
        hidden=[("seen", seen)],
        verb="Change plan" if seen else "Show what it comes to",
    )


def _describe_preview(subscription: Subscription, arguments: dict[str, Any], at: datetime) -> Iterator[str]:
    draft = preview_change(subscription=subscription, at=at, **arguments)
    for line in draft.lines:
        yield f"{line.description}: {format_money(line.amount, draft.currency)}"
    yield (
        f"The invoice that follows comes to {format_money(draft.totals.total, draft.currency)} so far, tax included."
    )
    yield from credits_shown(draft)
