"""Pauses of subscriptions over HTTP: pause and resume."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from billing import subscriptions
from billing.api.subscriptions.views import Subscriptions
from billing.models import Subscription
from customers.customer_time import current_time
from lib.api.field_rules import FieldRule, given, not_both
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import post


class NewPauseSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """
    The start and end of a pause, and how amounts paid in advance are credited. Its validated data are arguments of
    `pause`.
    """

    starts_at = InstantField(required=False, help_text="Default: now.")
    at_period_end = serializers.BooleanField(default=False, help_text="Start at the next period.")
    resumes_at = InstantField(source="ends_at", required=False, help_text="Default: open-ended.")
    give_back = serializers.ChoiceField(
        choices=["credit", "refund"],
        default="credit",
        help_text="How the unused prepaid time is returned.",
    )
    reason = serializers.CharField(max_length=300, required=False, default="")

    rules = (
        FieldRule(
            not_both(given("at_period_end", True), given("starts_at")),
            "starts_at",
            "Send either starts_at or at_period_end, not both.",
        ),
    )


class ResumptionSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The time of the resumption; now, by default."""

    resumes_at = InstantField(
        required=False,
        help_text="A future time; or a past one, so that usage since then is billed when it is reprocessed.",
    )


class Pauses(Subscriptions):
    """Pauses of subscriptions."""

    @post(
        "pause_subscription",
        "Pause a subscription",
        "Nothing falls due while the subscription is paused, and checks return `paused`. New usage is kept as"
        " unmatched. The current period ends when the pause starts; when it is closed, a credit note credits"
        " the unused prepaid time.",
        request=NewPauseSerializer,
        refusals={subscriptions.PauseRefused: "conflict"},
        examples={"For the summer": {"resumes_at": "2099-09-01T00:00:00Z"}},
    )
    def pause(self, request: Request, subscription: str) -> Subscription:
        fields, paused = self.read_body(), self.get_object()
        subscriptions.pause(subscription=paused, at=current_time(paused.customer), **fields)
        return self.reload(paused)

    @post(
        "resume_subscription",
        "Resume a paused subscription",
        "Periods continue from the same anchor; fees in advance for the first one are billed at once. A pause"
        " that has not started is withdrawn.",
        request=ResumptionSerializer,
        refusals={subscriptions.PauseRefused: "conflict"},
    )
    def resume(self, request: Request, subscription: str) -> Subscription:
        fields, paused = self.read_body(), self.get_object()
        subscriptions.resume(subscription=paused, at=current_time(paused.customer), **fields)
        return self.reload(paused)
