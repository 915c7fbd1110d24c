"""Plan changes over HTTP: preview, change, and withdraw a scheduled change."""

from typing import Any, get_args

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.closing.draft_serializers import DocumentSerializer, document_of
from billing.api.subscriptions.serializers import SubscriptionSerializer, version_of
from billing.api.subscriptions.views import Subscriptions
from billing.closing import preview_change
from billing.models import Subscription
from customers.customer_time import current_time
from lib.api.field_rules import FieldRule, given, not_both
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import post
from lib.api.problems import Problem


class ChangeSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The version to move to, and the date; now, by default."""

    plan = serializers.CharField(max_length=64, help_text="The plan's code.")
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Default: the version in force."
    )
    at = InstantField(required=False, help_text="A future time; it may lie within a period.")
    at_period_end = serializers.BooleanField(default=False, help_text="Change at the next period.")
    billing_period = serializers.ChoiceField(
        choices=get_args(subscriptions.BillingPeriodChoice),
        default="keep",
        help_text="`restart` begins a whole billing period at the change, which later ones are counted from.",
    )
    preview = serializers.BooleanField(default=False, help_text="Only preview the invoice; change nothing.")

    rules = (
        FieldRule(
            not_both(given("at_period_end", True), given("at")), "at", "Send either at or at_period_end, not both."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """
        Replace plan and number by the version.

        :raises serializers.ValidationError: if there is no such version.
        """
        moment = attrs.get("at", self.context["at"])
        attrs["version"] = version_of(attrs.pop("plan"), attrs.get("version"), at=moment)
        return attrs


class ChangedSerializer(serializers.Serializer[Any]):
    """The subscription after the change, and the resulting invoice."""

    subscription = SubscriptionSerializer()
    document = DocumentSerializer(
        help_text="The invoice that closes the old part: its usage, the credit for unused time, and the new fees."
    )


class PlanChanges(Subscriptions):
    """Plan changes, made now or scheduled."""

    @post(
        "change_subscription",
        "Move a subscription to another plan or version",
        "Usage before the change is billed by the old version with its full allowance; the rest of the period"
        " by the new version with a prorated allowance, or as a whole period if the billing period restarts. The"
        " invoice is issued after the seller's grace period,"
        " so that usage sent late is included. A later change is shown as `scheduled_change` and can be"
        " withdrawn until it takes effect.",
        request=ChangeSerializer,
        response=ChangedSerializer,
        refusals={subscriptions.SubscriptionRefused: "conflict"},
        examples={"Preview the cost": {"plan": "pro", "preview": True}},
    )
    def change(self, request: Request, subscription: str) -> Response:
        changing = self.get_object()
        at = current_time(changing.customer)
        fields = self.read_body(at=at)
        when = {
            "moment": fields.get("at"),
            "at_period_end": fields["at_period_end"],
            "billing_period": fields["billing_period"],
        }
        draft = preview_change(subscription=changing, version=fields["version"], at=at, **when)
        if not fields["preview"]:
            subscriptions.change_at(subscription=changing, version=fields["version"], at=at, **when)
        changed = self.represent(self.reload(changing))
        return Response({"subscription": changed, "document": document_of(draft)})

    @post(
        "withdraw_subscription_change",
        "Withdraw a scheduled plan change",
        "Removes the `scheduled_change`. Possible until ten minutes before a change within a period.",
        refusals={subscriptions.RevocationRefused: "conflict"},
    )
    def withdraw(self, request: Request, subscription: str) -> Subscription:
        changing = self.get_object()
        withdrawn = subscriptions.revoke(
            subscription_ids=[changing.pk], at=current_time(changing.customer), reason="Withdrawn through the API."
        )
        if not withdrawn:
            raise Problem("conflict", f"{changing} has no scheduled plan change.")
        return self.reload(changing)
