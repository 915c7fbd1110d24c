"""End or extend a trial over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.closing.draft_serializers import DocumentSerializer, document_of
from billing.api.subscriptions.serializers import SubscriptionSerializer
from billing.api.subscriptions.views import Subscriptions
from billing.closing import preview, preview_trial_end
from customers.customer_time import current_time
from lib.api.field_rules import FieldRule, given, not_both, one_of
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import post


class TrialEndSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The new end of the trial: `when` is now, or `ends_at` is later than before."""

    when = serializers.ChoiceField(choices=["now"], required=False)
    ends_at = InstantField(required=False, help_text="Later than the current end.")
    preview = serializers.BooleanField(
        default=False, help_text="Only preview the invoice for ending it now; change nothing."
    )

    rules = (
        FieldRule(one_of("when", "ends_at"), "when", "Send either when=now or ends_at."),
        FieldRule(
            not_both(given("preview", True), given("ends_at")),
            "preview",
            "Nothing is billed when a trial is extended.",
        ),
    )


class TrialEndedSerializer(serializers.Serializer[Any]):
    """The subscription after the change, and the trial's invoice if the trial ends now."""

    subscription = SubscriptionSerializer()
    document = DocumentSerializer(allow_null=True)


class TrialView(Subscriptions):
    """The end of a trial."""

    @post(
        "end_trial",
        "End a trial now, or extend it",
        "If it ends now, the first paid period starts; fees in advance, one-time fees and billable usage are on"
        " the trial's invoice, which is issued after the seller's grace period.",
        request=TrialEndSerializer,
        response=TrialEndedSerializer,
        refusals={subscriptions.TrialRefused: "conflict"},
        examples={"Convert now": {"when": "now"}},
    )
    def end(self, request: Request, subscription: str) -> Response:
        fields, trialing, draft = self.read_body(), self.get_object(), None
        at = current_time(trialing.customer)
        if "ends_at" in fields:
            subscriptions.extend_trial(subscription=trialing, ends_at=fields["ends_at"], at=at)
        elif fields["preview"]:
            draft = preview_trial_end(subscription=trialing, at=at)
        else:
            draft = preview(period=subscriptions.end_trial(subscription=trialing, at=at), at=at)
        ended = self.represent(self.reload(trialing))
        return Response({"subscription": ended, "document": draft and document_of(draft)})
