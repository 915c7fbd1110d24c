"""A draft subscription: its terms, its activation at the drafted start or another, and its removal."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSplitDateTimeVerticalWidget

from billing.models import Subscription
from billing.subscriptions import CouponRefused, SubscriptionRefused, activate, discard
from customers.customer_time import current_time


class ActivateForm(forms.Form):
    when = forms.ChoiceField(label="Starts", widget=UnfoldAdminRadioSelectWidget, initial="drafted")
    starts_at = forms.SplitDateTimeField(
        label="Date (UTC)", required=False, widget=UnfoldAdminSplitDateTimeVerticalWidget
    )

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drafted = f"as it was drafted, at {subscription.starts_at:%d %b %Y, %H:%M} UTC"
        self.fields["when"].choices = [("drafted", drafted), ("now", "now"), ("date", "at the date below")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == "date" and not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", "Enter the date that it starts on.")
        return cleaned


def activate_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Show the draft's terms and activate it."""
    at = current_time(subscription.customer)
    form = ActivateForm(request.POST or None, subscription=subscription)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        starts_at = {"drafted": None, "now": at}.get(chosen["when"], chosen["starts_at"])
        try:
            activated = activate(subscription=subscription, at=at, starts_at=starts_at, by=request.user)
        except (SubscriptionRefused, CouponRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(
                request, f"{activated} is {activated.get_state_display()} from {activated.starts_at:%d %b %Y} on."
            )
            return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[activated.pk]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Activate {subscription.version} of {subscription.customer}",
        consequences=[*drafted(subscription), "Fees due in advance are invoiced at the start, or after the trial."],
        form=form,
        verb="Activate",
    )


def discard_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask for confirmation, then delete a draft."""
    problems = []
    if request.method == "POST":
        try:
            discard(subscription=subscription, at=current_time(subscription.customer), by=request.user)
        except SubscriptionRefused as refusal:
            problems = [str(refusal)]
        else:
            messages.success(request, f"The draft {subscription} is discarded.")
            return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[subscription.customer_id]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Discard the draft of {subscription.version} for {subscription.customer}",
        consequences=["It is removed. Nothing was billed for it, and nothing will be."],
        problems=problems,
        verb="Discard",
        danger=True,
    )


def drafted(subscription: Subscription) -> Iterator[str]:
    """Yield the terms of a draft, in sentences."""
    terms = subscription.drafted
    yield f"{subscription.customer} is subscribed to {subscription.version} in {subscription.currency}."
    if "trial_days" in terms:
        yield f"The trial lasts {terms['trial_days']} days."
    for code, quantity in terms.get("quantities", {}).items():
        yield f"{quantity} of “{code}” are held from the start."
    if terms.get("coupons"):
        yield f"Coupons, in this order: {', '.join(terms['coupons'])}."
    if subscription.ends_at is not None:
        yield f"It ends by itself on {subscription.ends_at:%d %b %Y, %H:%M} UTC."
