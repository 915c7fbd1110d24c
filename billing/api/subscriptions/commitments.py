"""A subscription's own minimum commitments over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from billing.api.subscriptions.overrides import OVERRIDE_REFUSALS, EndSerializer
from billing.api.subscriptions.views import SubscriptionRows
from billing.models import SubscriptionCommitment
from billing.subscriptions.terms.acts import EndCommitment, SetCommitment
from lib.api.field_rules import FieldRule, any_of, given, needs, one_of, only_if
from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import list_rows, post
from lib.field_types import MAX_MONEY
from plans.api.serializers import CommitmentSerializer
from plans.pricing.commitments import MAX_FACTOR
from plans.pricing.validation import MAX_PERCENT_PLACES

EXAMPLE = {"minimum": "12000", "periods": 12, "discount": "10", "reason": "Deal"}
UNITS_EXAMPLE = {"feature": "api.calls", "units": "1000000", "reason": "Deal"}


class OwnCommitmentSerializer(CommitmentSerializer):
    """A subscription's own commitment, in place of that of its version."""

    starts_at = InstantField()
    ends_at = InstantField(allow_null=True)

    class Meta:
        model = SubscriptionCommitment
        fields = ["id", *CommitmentSerializer.Meta.fields, "starts_at", "ends_at", "reason", "created_at"]


class NewCommitmentSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """A commitment to set; its validated data are fields of `SetCommitment`."""

    minimum = NumberField(
        most=MAX_MONEY,
        required=False,
        help_text="In the subscription's currency, for each period or the whole contract. Either this or `units`.",
    )
    feature = serializers.CharField(
        max_length=64, required=False, help_text="Code of the only feature whose usage counts; default: all usage."
    )
    units = NumberField(positive=True, required=False, help_text="Minimum units of the feature, worth their price.")
    per_window = serializers.BooleanField(
        required=False,
        help_text="Whether each usage window of the feature's price has the minimum; default: the billing period.",
    )
    periods = serializers.IntegerField(min_value=1, max_value=120, required=False, help_text="Default: each period.")
    overage_factor = NumberField(
        most=MAX_FACTOR, required=False, help_text="Multiplier for usage beyond the commitment; default: 1."
    )
    discount = NumberField(
        most=100,
        places=MAX_PERCENT_PLACES,
        required=False,
        help_text="Percentage off unit prices in return; default: none.",
    )
    trues_up = serializers.BooleanField(
        required=False, help_text="Whether a shortfall is billed (true-up); default: yes."
    )
    starts_at = InstantField(required=False, help_text="Default: the start of the next period.")
    ends_at = InstantField(required=False, help_text="Default: no end.")
    reason = serializers.CharField(max_length=500)

    rules = (
        FieldRule(one_of("minimum", "units"), "minimum", "Enter either an amount of money or a number of units."),
        FieldRule(needs(any_of("units"), "feature"), "feature", "Units need the feature that they are units of."),
        FieldRule(needs(given("per_window", True), "feature"), "feature", "A minimum per window needs a feature."),
        FieldRule(
            only_if({"not": given("per_window", True)}, "periods"),
            "periods",
            "A usage window has no further periods.",
        ),
    )


class Commitments(SubscriptionRows[Any]):
    """The commitments of one subscription visible to the caller."""

    queryset = SubscriptionCommitment.objects.all()
    serializer_class = OwnCommitmentSerializer
    lookup_url_kwarg = "number"

    list_all = list_rows(
        "list_commitments",
        "List a subscription's own commitments, newest first",
        "All commitments, including ended ones.",
    )

    @post(
        "create_commitment",
        "Set a subscription's own minimum commitment",
        "Applies from the next period, unless `starts_at` says otherwise, in place of the version's commitment."
        " Ends the previous one; billed periods do not change.",
        request=NewCommitmentSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        refusals=OVERRIDE_REFUSALS,
        examples={"12,000 over a year": EXAMPLE, "Units of a feature": UNITS_EXAMPLE},
    )
    def create(self, request: Request, subscription: str) -> SubscriptionCommitment | Response:
        fields = self.read_body()
        return perform_act(self, SetCommitment(subscription_id=self.owner.pk, **fields), reason=fields["reason"])

    @post(
        "end_commitment",
        "Return to the version's commitment",
        "Takes effect at the next period, unless `ends_at` says otherwise; a commitment that has not started is"
        " withdrawn.",
        request=EndSerializer,
        accepted=ApprovalRequestSerializer,
        refusals=OVERRIDE_REFUSALS,
    )
    def end(self, request: Request, subscription: str, number: int) -> SubscriptionCommitment | Response:
        fields, commitment = self.read_body(), self.get_object()
        return perform_act(self, EndCommitment(commitment_id=commitment.pk, **fields))
