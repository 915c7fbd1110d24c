"""Cancel a subscription by hand, with a preview of the last invoice and credits; and undo a cancellation."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.closing.invoice_preview import credits_shown
from billing.admin.subscriptions.subscription_action import SubscriptionAction, is_running
from billing.closing import NothingToBill, preview_cancellation
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import CancellationRefused, cancel, uncancel
from customers.customer_time import current_time
from lib.admin import PreviewedAction, Response, StaffForm
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


class CancelForm(StaffForm):
    when = forms.ChoiceField(
        label="When",
        choices=[("period", "at the end of the running period"), ("now", "now"), ("date", "at a date")],
        initial="period",
        widget=UnfoldAdminRadioSelectWidget,
    )
    ends_at = forms.SplitDateTimeField(label="Date (UTC)", required=False)
    give_back = forms.ChoiceField(
        label="Of what was paid in advance, give back",
        choices=GIVE_BACK,
        initial="none",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["give_back"] = cleaned.get("give_back") or "none"
        if cleaned.get("when") == "date" and not cleaned.get("ends_at"):
            self.add_error("ends_at", "Enter the date that it ends on.")
        return cleaned

    def arguments(self, *, at: datetime) -> dict[str, Any]:
        """Return the choices as arguments of `cancel`."""
        chosen = self.cleaned_data
        ends_at = {"period": None, "now": at}.get(chosen["when"], chosen["ends_at"])
        return {"ends_at": ends_at, "give_back": chosen["give_back"]}


class CancelSubscription(PreviewedAction[Subscription], SubscriptionAction):
    label, icon, variant, verb = "Cancel", "event_busy", ActionVariant.DANGER, "Cancel subscription"
    title = "Cancel {0.version} of {0.customer}"
    consequences = CONSEQUENCES
    danger = True
    form_class = CancelForm
    refusals = (CancellationRefused, UnpricedUsage, ValueError)

    @staticmethod
    def is_offered(subscription: Subscription) -> bool:
        return is_running(subscription) or subscription.state == SubscriptionState.PAUSED

    def needs_preview(self) -> bool:
        return bool(self.choices["give_back"] != "none")

    def effect(self, subscription: Subscription) -> Iterator[str]:
        arguments = self.form.arguments(at=self.at)
        try:
            draft = preview_cancellation(subscription=subscription, at=self.at, **arguments)
        except NothingToBill as error:
            yield str(error)
            return
        yield f"Its last invoice comes to {format_money(draft.totals.total, draft.currency)} so far, tax included."
        yield from credits_shown(draft) or [
            "Nothing was paid in advance for time that is cut off, so nothing is given back."
        ]

    def run(self, subscription: Subscription) -> Response:
        arguments = self.form.arguments(at=self.at)
        canceled = cancel(subscription=subscription, at=self.at, by=self.user, **arguments)
        return self.done(f"{canceled} ends on {canceled.ends_at:%d %b %Y, %H:%M} UTC.")


class UndoCancellation(SubscriptionAction):
    label, icon, verb = "Take cancellation back", "undo", "Let it go on"
    refusals = (CancellationRefused,)
    title = "Take the cancellation of {0.version} of {0.customer} back"
    consequences = [
        "It goes on as if it had never been canceled, and nothing is given back.",
        "A change of plan that the cancellation has revoked stays revoked.",
    ]

    @staticmethod
    def is_offered(subscription: Subscription) -> bool:
        ends_at = subscription.ends_at if subscription.state == SubscriptionState.CANCELED else None
        return ends_at is not None and ends_at > current_time(subscription.customer)

    def run(self, subscription: Subscription) -> Response:
        return self.done(f"{uncancel(subscription=subscription, at=self.at, by=self.user)} goes on.")
