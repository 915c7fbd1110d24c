"""A subscription's own spend commitment, in place of its plan's."""

from datetime import datetime

from django import forms
from django.contrib import admin
from django.utils.formats import date_format

from billing.admin.subscriptions.custom_terms import MISSING_REASON, AgreementAdmin, EndAgreement, until
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.models import Subscription, SubscriptionCommitment
from billing.subscriptions.terms.commitments import end_commitment, set_commitment
from billing.subscriptions.terms.price_overrides import OverrideRefused
from lib.admin import Preview, Response, StaffForm
from lib.admin.columns import column
from lib.field_types import AMOUNT, PERCENT
from plans.admin.versions.commitments import in_words


class SubscriptionCommitmentForm(StaffForm):
    minimum = forms.DecimalField(**AMOUNT, min_value=0, label="At least this much usage")
    periods = forms.IntegerField(
        label="Over invoice periods",
        min_value=1,
        max_value=120,
        initial=1,
        help_text="1: each period. 12 monthly periods make a yearly contract, settled at its end.",
    )
    overage_factor = forms.DecimalField(label="Beyond it, price ×", max_digits=7, decimal_places=4, initial=1)
    discount = forms.DecimalField(**PERCENT, label="% off unit prices", initial=0)
    trues_up = forms.BooleanField(label="Claim what is missing", required=False, initial=True)
    starts_at = forms.SplitDateTimeField(
        label="From (UTC)",
        required=False,
        help_text="Empty: the next period. It is for the periods that begin from then on.",
    )
    ends_at = forms.SplitDateTimeField(label="Until (UTC)", required=False, help_text="Empty: it holds on.")


class AgreeCommitment(SubscriptionAction):
    label, icon, verb = "Agree commitment", "verified", "Agree"
    permission = "billing.add_subscriptioncommitment"
    form_class = SubscriptionCommitmentForm
    refusals = (OverrideRefused,)
    missing_reason = MISSING_REASON
    title = "Agree a minimum commitment with {.customer}"
    consequences = [
        "It takes the place of the plan's commitment, for this subscription only.",
        "Usage counts toward it before coupons; fees do not. What is billed does not change.",
        "One that holds now ends when this one begins.",
    ]

    def run(self, subscription: Subscription) -> Response:
        commitment = set_commitment(
            subscription=subscription, **self.choices, reason=self.reason, by=self.user, at=self.at
        )
        return self.done(f"From {date_format(commitment.starts_at)} on: {in_words(commitment)}")


def commitments_of(subscription: Subscription) -> list[tuple[SubscriptionCommitment, str, str]]:
    """Return a subscription's own commitments, each with its terms and end in words, in one query."""
    commitments = subscription.commitments.order_by("-starts_at", "-pk")
    return [(commitment, in_words(commitment), until(commitment)) for commitment in commitments]


class EndCommitment(EndAgreement):
    permission = "billing.change_subscriptioncommitment"

    def describe(self, commitment: SubscriptionCommitment, ends: str) -> Preview:
        return Preview(
            title=f"End the commitment of {commitment.subscription}",
            consequences=[
                f"It holds until {ends}; then the plan's, if it has one.",
                "A contract of several periods that is cut short asks for its part of the minimum.",
            ],
        )

    def end(self, commitment: SubscriptionCommitment, *, at: datetime) -> str:
        return f"It holds until {until(end_commitment(commitment=commitment, by=self.user, at=at))}."


@admin.register(SubscriptionCommitment)
class OwnCommitmentAdmin(AgreementAdmin):
    list_display = ("words", "subscription", "starts_at", "until_shown", "reason")
    list_select_related = ("subscription",)
    fields = ("subscription", "words", "starts_at", "until_shown", "reason", "created_by")

    end = EndCommitment.as_action()

    words = column("Promised", in_words)
