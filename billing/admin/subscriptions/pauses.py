"""Pause a subscription by hand, with a preview of the credits, and resume it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSplitDateTimeVerticalWidget

from billing.admin.closing.invoice_preview import credits_shown
from billing.closing import NothingToBill, preview_pause
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Pause, Subscription
from billing.subscriptions import PauseRefused, pause, resume
from customers.customer_time import current_time
from lib.formats import format_money

CONSEQUENCES = [
    "While it is paused nothing is due, no credits are granted, and a check answers that it is paused.",
    "Usage that arrives all the same is kept as unmatched. Its features stay its own.",
    "What was paid in advance for the rest of the period is given back by a credit note once the period is closed.",
]


class PauseForm(forms.Form):
    when = forms.ChoiceField(
        label="When",
        choices=[("now", "now"), ("period", "at the end of the running period"), ("date", "at a date")],
        initial="period",
        widget=UnfoldAdminRadioSelectWidget,
    )
    starts_at = forms.SplitDateTimeField(
        label="Date (UTC)", required=False, widget=UnfoldAdminSplitDateTimeVerticalWidget
    )
    ends_at = forms.SplitDateTimeField(
        label="Goes on at (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="Empty: until somebody resumes it.",
    )
    give_back = forms.ChoiceField(
        label="What was paid in advance goes",
        choices=[("credit", "to the customer's credit"), ("refund", "back to the customer")],
        initial="credit",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") != "date":
            cleaned["starts_at"] = None
        elif not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", "Enter the date that it is paused from.")
        return cleaned

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices as arguments of `pause`."""
        chosen = dict(self.cleaned_data)
        return {"at_period_end": chosen.pop("when") == "period", **chosen}


def pause_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask for the dates, then show the invoice that follows; the second confirmation pauses the subscription."""
    at = current_time(subscription.customer)
    form = PauseForm(request.POST or None)
    seen, consequences = "", CONSEQUENCES
    if request.method == "POST" and form.is_valid():
        chosen = " ".join(map(str, form.arguments.values()))
        try:
            if request.POST.get("seen") == chosen:
                paused = pause(subscription=subscription, at=at, by=request.user, **form.arguments)
                messages.success(request, f"{subscription} is paused from {paused.starts_at:%d %b %Y, %H:%M} UTC on.")
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
            consequences = [*CONSEQUENCES, *_describe_preview(subscription, form.arguments, at)]
            seen = chosen
        except (PauseRefused, UnpricedUsage, ValueError) as refusal:
            form.add_error(None, str(refusal))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Pause {subscription.version} of {subscription.customer}",
        consequences=consequences,
        form=form,
        hidden=[("seen", seen)],
        verb="Pause" if seen else "Show what it comes to",
    )


def _describe_preview(subscription: Subscription, arguments: dict[str, Any], at: datetime) -> Iterator[str]:
    try:
        draft = preview_pause(subscription=subscription, at=at, **arguments)
    except NothingToBill as error:
        yield str(error)
        return
    yield (
        f"The invoice that follows comes to {format_money(draft.totals.total, draft.currency)} so far, tax included."
    )
    yield from credits_shown(draft) or ["Nothing is given back: no time is cut off that was paid in advance."]


class ResumeForm(forms.Form):
    resumes_at = forms.SplitDateTimeField(
        label="Goes on at (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="Empty: now. A past moment bills usage since then, once it is tried again.",
    )


def resume_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Resume a subscription that is paused or has an upcoming pause."""
    at = current_time(subscription.customer)
    form = ResumeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            resume(subscription=subscription, at=at, resumes_at=form.cleaned_data["resumes_at"], by=request.user)
        except PauseRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{subscription} goes on.")
            return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Resume {subscription.version} of {subscription.customer}",
        consequences=[
            "Periods go on from the same anchor; fees in advance for the rest of the running one are billed at once.",
            "A pause that has not begun is taken back, as if there had been none.",
        ],
        form=form,
        verb="Resume",
    )


def pause_of(subscription: Subscription) -> Pause | None:
    """Return the current or upcoming pause, if there is one."""
    return subscription.pauses.filter(state__in=("to_come", "running")).first()
