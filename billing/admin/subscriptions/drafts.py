"""A draft subscription: its terms, its activation at the drafted start or another, and its removal."""

from collections.abc import Iterator
from typing import Any

from django import forms
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import CouponRefused, SubscriptionRefused, activate, discard
from lib.admin import Preview, Response, StaffForm


class ActivateForm(StaffForm):
    when = forms.ChoiceField(label="Starts", widget=UnfoldAdminRadioSelectWidget, initial="drafted")
    starts_at = forms.SplitDateTimeField(label="Date (UTC)", required=False)

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drafted = f"as it was drafted, at {subscription.starts_at:%d %b %Y, %H:%M} UTC"
        self.fields["when"].choices = [("drafted", drafted), ("now", "now"), ("date", "at the date below")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("when") == "date" and not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", "Enter the date that it starts on.")
        return cleaned


class DraftedSubscriptionAction(SubscriptionAction):
    """An action on a draft."""

    refusals = (SubscriptionRefused, CouponRefused)
    is_offered = staticmethod(lambda subscription: subscription.state == SubscriptionState.DRAFT)


class ActivateSubscription(DraftedSubscriptionAction):
    label = verb = "Activate"
    icon, variant = "play_arrow", ActionVariant.PRIMARY

    def make_form(self, subscription: Subscription) -> forms.Form:
        return ActivateForm(self.posted, subscription=subscription)

    def preview(self, subscription: Subscription) -> Preview:
        return Preview(
            title=f"Activate {subscription.version} of {subscription.customer}",
            consequences=[
                *drafted(subscription),
                "Fees due in advance are invoiced at the start, or after the trial.",
            ],
        )

    def run(self, subscription: Subscription) -> Response:
        starts_at = {"drafted": None, "now": self.at}.get(self.choices["when"], self.choices["starts_at"])
        activated = activate(subscription=subscription, at=self.at, starts_at=starts_at, by=self.user)
        return self.done(f"{activated} is {activated.get_state_display()} from {activated.starts_at:%d %b %Y} on.")

    def field_of(self, refusal: Exception) -> None:
        return None


class DiscardSubscription(DraftedSubscriptionAction):
    label = verb = "Discard"
    icon, variant = "delete", ActionVariant.DANGER
    danger = True
    title = "Discard the draft of {0.version} for {0.customer}"
    consequences = ["It is removed. Nothing was billed for it, and nothing will be."]

    def run(self, subscription: Subscription) -> Response:
        discard(subscription=subscription, at=self.at, by=self.user)
        return self.done(f"The draft {subscription} is discarded.", to=subscription.customer)


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
