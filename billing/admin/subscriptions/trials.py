"""End a trial by hand: now, with a preview of the invoice, or later."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSplitDateTimeVerticalWidget

from billing.closing import preview_trial_end
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import SubscriptionRefused, end_trial, extend_trial
from customers.customer_time import current_time
from lib.formats import format_money


class TrialForm(forms.Form):
    when = forms.ChoiceField(
        label="The trial ends",
        choices=[("later", "later, at the date below"), ("now", "now")],
        initial="later",
        widget=UnfoldAdminRadioSelectWidget,
    )
    ends_at = forms.SplitDateTimeField(
        label="Date (UTC)", required=False, widget=UnfoldAdminSplitDateTimeVerticalWidget
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == "later" and not cleaned.get("ends_at"):
            self.add_error("ends_at", "Enter the date that the trial lasts until.")
        return cleaned


def trial_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Show the invoice if the trial ended now, and end it now or later."""
    at = current_time(subscription.customer)
    form = TrialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if form.cleaned_data["when"] == "now":
                trial = end_trial(subscription=subscription, at=at, by=request.user)
            else:
                ends_at = form.cleaned_data["ends_at"]
                trial = extend_trial(subscription=subscription, ends_at=ends_at, at=at, by=request.user)
        except SubscriptionRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"The trial of {subscription} ends on {_moment(trial.ends_at)}.")
            return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
    consequences, warnings, problems = [], [], []
    if subscription.state == SubscriptionState.TRIALING:
        consequences = [
            f"The trial lasts until {_moment(subscription.trial_ends_at)}; then the first paid period begins."
        ]
        try:
            consequences.append(_due_now(subscription, at))
        except (SubscriptionRefused, UnpricedUsage, ValueError) as error:
            warnings = [f"It cannot end now. {error}"]
    else:
        problems = [f"{subscription} is in no trial."]
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Trial of {subscription.version} of {subscription.customer}",
        consequences=consequences,
        warnings=warnings,
        problems=problems,
        form=form,
        verb="Change the trial's end",
    )


def _due_now(subscription: Subscription, at: datetime) -> str:
    draft = preview_trial_end(subscription=subscription, at=at)
    lines = [f"{line.description} {format_money(line.amount, draft.currency)}" for line in draft.lines]
    total = format_money(draft.totals.total, draft.currency)
    return (
        f"If it ends now, {total} is due, tax included, once the grace is over:"
        f" {', '.join(lines) or 'there is nothing to bill'}."
    )


def _moment(moment: datetime) -> str:
    return f"{date_format(moment, 'DATETIME_FORMAT')} UTC"
