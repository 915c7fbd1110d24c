"""A plan change by hand: choose, look at what it comes to, change."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from billing.admin.upcoming import credits_shown
from billing.closing import preview_change
from billing.closing.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.subscribing import SubscriptionRefused, change_plan
from plans.figures import money
from plans.models import PlanVersion

WHAT_IT_DOES = [
    "What was used until now is billed by the present version, with its whole allowance.",
    "From now on the new version's prices and features hold, with its part of the new allowance for the rest of the"
    " interval.",
]


class ChangeForm(forms.Form):
    version = forms.ModelChoiceField(
        PlanVersion.objects.none(), label="To", widget=UnfoldAdminSelectWidget, help_text="Versions in force."
    )

    def __init__(self, *args: Any, subscription: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = Q(fees__currency=subscription.currency) | Q(features__prices__currency=subscription.currency)
        self.fields["version"].queryset = (
            PlanVersion.objects.in_force(at)
            .filter(offered)
            .exclude(pk=subscription.version_id)
            .select_related("plan")
            .order_by("plan__name")
            .distinct()
        )


def changing(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """
    Ask for the version, then show the document that the change leads to; the second answer changes the plan.

    What is confirmed is the version that was shown: choosing another one shows that one first.
    """
    at = timezone.now()
    form = ChangeForm(request.POST or None, subscription=subscription, at=at)
    seen, consequences = "", WHAT_IT_DOES
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        try:
            if request.POST.get("seen") == str(version.pk):
                change_plan(subscription=subscription, version=version, at=at, by=request.user)
                messages.success(request, f"{subscription} is on {version} now.")
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
            consequences = [*WHAT_IT_DOES, *_document(subscription, version, at)]
            seen = str(version.pk)
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


def _document(subscription: Subscription, version: PlanVersion, at: datetime) -> Iterator[str]:
    draft = preview_change(subscription=subscription, version=version, at=at)
    for line in draft.lines:
        yield f"{line.description}: {money(line.amount, draft.currency)}"
    yield f"The invoice that follows comes to {money(draft.totals.total, draft.currency)} so far, tax included."
    yield from credits_shown(draft)
