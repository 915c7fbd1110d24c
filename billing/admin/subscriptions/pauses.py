"""Pause a subscription by hand, with a preview of the credits, and resume it."""

from collections.abc import Iterator
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.closing.invoice_preview import credits_shown
from billing.admin.subscriptions.subscription_action import SubscriptionAction, is_running
from billing.closing import NothingToBill, preview_pause
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Pause, Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import PauseRefused, pause, resume
from lib.admin import PreviewedAction, Response, StaffForm
from lib.formats import format_money

CONSEQUENCES = [
    "While it is paused nothing is due, no credits are granted, and a check answers that it is paused.",
    "Usage that arrives all the same is kept as unmatched. Its features stay its own.",
    "What was paid in advance for the rest of the period is given back by a credit note once the period is closed.",
]


class PauseForm(StaffForm):
    when = forms.ChoiceField(
        label="When",
        choices=[("now", "now"), ("period", "at the end of the running period"), ("date", "at a date")],
        initial="period",
        widget=UnfoldAdminRadioSelectWidget,
    )
    starts_at = forms.SplitDateTimeField(label="Date (UTC)", required=False)
    ends_at = forms.SplitDateTimeField(
        label="Goes on at (UTC)", required=False, help_text="Empty: until somebody resumes it."
    )
    give_back = forms.ChoiceField(
        label="What was paid in advance goes",
        choices=[("credit", "to the customer's credit"), ("refund", "back to the customer")],
        initial="credit",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
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


class PauseSubscription(PreviewedAction[Subscription], SubscriptionAction):
    label, icon, preview_verb = "Pause", "pause", "Show what it comes to"
    title = "Pause {0.version} of {0.customer}"
    consequences = CONSEQUENCES
    form_class = PauseForm
    refusals = (PauseRefused, UnpricedUsage, ValueError)
    is_offered = staticmethod(lambda subscription: is_running(subscription) and pause_of(subscription) is None)

    def effect(self, subscription: Subscription) -> Iterator[str]:
        try:
            draft = preview_pause(subscription=subscription, at=self.at, **self.form.arguments)
        except NothingToBill as error:
            yield str(error)
            return
        total = format_money(draft.totals.total, draft.currency)
        yield f"The invoice that follows comes to {total} so far, tax included."
        yield from credits_shown(draft) or ["Nothing is given back: no time is cut off that was paid in advance."]

    def run(self, subscription: Subscription) -> Response:
        paused = pause(subscription=subscription, at=self.at, by=self.user, **self.form.arguments)
        return self.done(f"{subscription} is paused from {paused.starts_at:%d %b %Y, %H:%M} UTC on.")


class ResumeForm(StaffForm):
    resumes_at = forms.SplitDateTimeField(
        label="Goes on at (UTC)",
        required=False,
        help_text="Empty: now. A past moment bills usage since then, once it is tried again.",
    )


class ResumeSubscription(SubscriptionAction):
    label = verb = "Resume"
    icon = "play_arrow"
    form_class = ResumeForm
    refusals = (PauseRefused,)
    title = "Resume {0.version} of {0.customer}"
    consequences = [
        "Periods go on from the same anchor; fees in advance for the rest of the running one are billed at once.",
        "A pause that has not begun is taken back, as if there had been none.",
    ]

    @staticmethod
    def is_offered(subscription: Subscription) -> bool:
        is_paused = subscription.state == SubscriptionState.PAUSED
        return is_paused or (is_running(subscription) and pause_of(subscription) is not None)

    def run(self, subscription: Subscription) -> Response:
        resume(subscription=subscription, at=self.at, by=self.user, **self.choices)
        return self.done(f"{subscription} goes on.")


def pause_of(subscription: Subscription) -> Pause | None:
    """Return the current or upcoming pause, if there is one."""
    return subscription.pauses.filter(state__in=("to_come", "running")).first()
