"""Cancel a subscription by hand, with a preview of the last invoice and credits; and undo a cancellation."""

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
from billing.closing import NothingToBill, preview_cancellation
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.subscriptions import CancellationRefused, cancel, uncancel
from customers.customer_time import current_time
from lib.formats import format_money

GIVE_BACK = [
    ("none", "nothing: what was paid in advance stays paid"),
    ("credit", "credit: a credit note for the part that is cut off, kept for the customer"),
    ("refund", "refund: a credit note for the part that is cut off, paid out to the customer"),
]
CONSEQUENCES = [
    "From the moment it ends, usage of its features has no price and is reported as unmatched.",
    "What was used before is invoiced as usual; fees in arrears are prorated.",
    "Until then it can be taken back.",
]


class CancelForm(forms.Form):
    when = forms.ChoiceField(
        label="When",
        choices=[("period", "at the end of the running period"), ("now", "now"), ("date", "at a date")],
        initial="period",
        widget=UnfoldAdminRadioSelectWidget,
    )
    ends_at = forms.SplitDateTimeField(
        label="Date (UTC)", required=False, widget=UnfoldAdminSplitDateTimeVerticalWidget
    )
    give_back = forms.ChoiceField(
        label="Of what was paid in advance, give back",
        choices=GIVE_BACK,
        initial="none",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        cleaned["give_back"] = cleaned.get("give_back") or "none"
        if cleaned.get("when") == "date" and not cleaned.get("ends_at"):
            self.add_error("ends_at", "Enter the date that it ends on.")
        return cleaned

    def arguments(self, *, at: datetime) -> dict[str, Any]:
        """Return the choices as arguments of `cancel`."""
        chosen = self.cleaned_data
        ends_at = {"period": None, "now": at}.get(chosen["when"], chosen["ends_at"])
        return {"ends_at": ends_at, "give_back": chosen["give_back"]}

    @property
    def chosen(self) -> str:
        """The choices as text, so that a confirmation applies to the choices shown."""
        chosen = self.cleaned_data
        return f"{chosen['when']} {chosen['ends_at']} {chosen['give_back']}"


def cancel_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """
    Ask when the subscription ends and which amounts are credited; show such amounts before the subscription is
    canceled.
    """
    at = current_time(subscription.customer)
    form = CancelForm(request.POST or None)
    seen, consequences = "", CONSEQUENCES
    if request.method == "POST" and form.is_valid():
        arguments = form.arguments(at=at)
        try:
            if arguments["give_back"] == "none" or request.POST.get("seen") == form.chosen:
                canceled = cancel(subscription=subscription, at=at, by=request.user, **arguments)
                messages.success(request, f"{canceled} ends on {canceled.ends_at:%d %b %Y, %H:%M} UTC.")
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[canceled.pk]))
            consequences = [*CONSEQUENCES, *_describe_preview(subscription, arguments, at)]
            seen = form.chosen
        except (CancellationRefused, UnpricedUsage, ValueError) as refusal:
            form.add_error(None, str(refusal))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Cancel {subscription.version} of {subscription.customer}",
        consequences=consequences,
        form=form,
        hidden=[("seen", seen)],
        verb="Cancel subscription",
        danger=True,
    )


def _describe_preview(subscription: Subscription, arguments: dict[str, Any], at: datetime) -> Iterator[str]:
    try:
        draft = preview_cancellation(subscription=subscription, at=at, **arguments)
    except NothingToBill as error:
        yield str(error)
        return
    yield f"Its last invoice comes to {format_money(draft.totals.total, draft.currency)} so far, tax included."
    yield from credits_shown(draft) or [
        "Nothing was paid in advance for time that is cut off, so nothing is given back."
    ]


def uncancel_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask for confirmation, then undo the cancellation of a subscription that has not ended yet."""
    problems = []
    if request.method == "POST":
        try:
            continued = uncancel(subscription=subscription, at=current_time(subscription.customer), by=request.user)
        except CancellationRefused as refusal:
            problems = [str(refusal)]
        else:
            messages.success(request, f"{continued} goes on.")
            return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[continued.pk]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Take the cancellation of {subscription.version} of {subscription.customer} back",
        consequences=[
            "It goes on as if it had never been canceled, and nothing is given back.",
            "A change of plan that the cancellation has revoked stays revoked.",
        ],
        problems=problems,
        verb="Let it go on",
    )
