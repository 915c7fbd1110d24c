"""A subscription's own minimum commitments over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.subscriptions.overrides import EndSerializer, refusal
from billing.models import Subscription, SubscriptionCommitment
from billing.subscriptions.terms.commitments import end_commitment, set_commitment
from billing.subscriptions.terms.price_overrides import OverrideRefused
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import NumberField
from plans.api.serializers import CommitmentSerializer

EXAMPLE = OpenApiExample(
    "A year of 12,000", {"minimum": "12000", "periods": 12, "discount": "10", "reason": "Deal"}, request_only=True
)


class OwnCommitmentSerializer(CommitmentSerializer):
    """A subscription's own commitment, in place of that of its version."""

    starts_at = InstantField()
    ends_at = InstantField(allow_null=True)

    class Meta:
        model = SubscriptionCommitment
        fields = ["id", *CommitmentSerializer.Meta.fields, "starts_at", "ends_at", "reason", "created_at"]
        read_only_fields = fields


class NewCommitmentSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """A commitment to set; its validated data are the arguments of `set_commitment`."""

    minimum = NumberField(help_text="In the subscription's currency: of each period, or of the whole contract.")
    periods = serializers.IntegerField(min_value=1, max_value=120, required=False, help_text="Default: each period.")
    overage_factor = NumberField(required=False, help_text="What usage beyond it is multiplied by; default: 1.")
    discount = NumberField(required=False, help_text="Percent off unit prices in return; default: none.")
    trues_up = serializers.BooleanField(required=False, help_text="Whether what is missing is claimed; default: yes.")
    starts_at = InstantField(required=False, help_text="Default: the next period.")
    ends_at = InstantField(required=False, help_text="Default: it holds on.")
    reason = serializers.CharField(max_length=500)


class Commitments(generics.GenericAPIView[SubscriptionCommitment]):
    """The commitments of one subscription visible to the caller."""

    serializer_class = OwnCommitmentSerializer

    def subscription(self) -> Subscription:
        """
        Return the subscription of the address.

        :raises Http404: if the caller sees no such subscription.
        """
        name, sandbox = self.kwargs["subscription"], self.request.user.sandbox
        return generics.get_object_or_404(Subscription, external_id=name, sandbox=sandbox)

    def get_queryset(self) -> QuerySet[SubscriptionCommitment]:
        """Return the subscription's own commitments."""
        return SubscriptionCommitment.objects.filter(subscription=self.subscription())


class CommitmentsView(Commitments, generics.ListAPIView[SubscriptionCommitment]):
    """All commitments, including ended ones."""

    required_scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(operation_id="list_commitments", summary="List a subscription's own commitments, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_commitment",
        summary="Give a subscription a minimum commitment of its own",
        description="For the periods that begin from the next one on, unless `starts_at` says otherwise, in place of"
        " its version's. The one before it ends then; periods that are billed do not change.",
        request=NewCommitmentSerializer,
        responses={201: OwnCommitmentSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, subscription: str) -> Response:
        serializer = NewCommitmentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            owner = self.subscription()
            commitment = set_commitment(
                subscription=owner, **serializer.validated_data, at=current_time(owner.customer)
            )
        except OverrideRefused as error:
            raise refusal(error) from error
        return Response(OwnCommitmentSerializer(commitment).data, status=status.HTTP_201_CREATED)


class CommitmentEndView(Commitments):
    """The end of a commitment."""

    lookup_field = "pk"
    lookup_url_kwarg = "number"
    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="end_commitment",
        summary="Let the version's commitment hold again",
        description="From the next period on, unless `ends_at` says otherwise; before it begins, it is withdrawn.",
        request=EndSerializer,
        responses={200: OwnCommitmentSerializer},
    )
    @idempotent
    def post(self, request: Request, subscription: str, number: int) -> Response:
        serializer = EndSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            commitment = self.get_object()
            at = current_time(commitment.subscription.customer)
            ended = end_commitment(commitment=commitment, **serializer.validated_data, at=at)
        except OverrideRefused as error:
            raise refusal(error) from error
        return Response(OwnCommitmentSerializer(ended).data)
