"""Subscriptions as the API accepts and returns them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.models import Pause, Period, ScheduledChange, Subscription, SubscriptionQuantity
from billing.subscriptions.terms.quantities import fee_quantities, to_quantity_changes
from customers.api.fields import SellerField
from customers.customer_time import loaded_current_time
from customers.models import Customer
from lib.api.field_rules import FieldRule, given, not_both
from lib.api.fields import CurrencyField, ExternalIdField, InstantField, RowSerializer, StrictFields
from lib.api.labels import MetadataObjectField, TagListField
from lib.field_types import MAX_SEATS, MAX_TRIAL_DAYS
from plans.api.coupons import coupon_named
from plans.catalog.stored_terms import load_terms
from plans.models import Coupon, PlanVersion


class RunningPeriodSerializer(RowSerializer[Period]):
    """The half-open interval to which usage counts now."""

    start = InstantField(source="starts_at")
    end = InstantField(source="ends_at")

    class Meta:
        model = Period
        fields = ["start", "end"]


class ChangeToComeSerializer(serializers.Serializer[Any]):
    """An upcoming quantity and its start."""

    since = InstantField()
    quantity = serializers.IntegerField()


class HeldSerializer(serializers.Serializer[Any]):
    """The current quantity of seats or add-ons, and upcoming changes."""

    fee = serializers.CharField(source="fee.code")
    label = serializers.CharField(source="fee.label")  # type: ignore[assignment]  # fields have a text of this name
    quantity = serializers.IntegerField()
    included = serializers.IntegerField(source="fee.included", help_text="Number of free units.")
    upcoming = ChangeToComeSerializer(many=True)


class ScheduledChangeSerializer(RowSerializer[ScheduledChange]):
    """The version that the subscription moves to, and the date."""

    plan = serializers.CharField(source="version.plan.code")
    version = serializers.IntegerField(source="version.number")
    at = InstantField(source="moment")

    class Meta:
        model = ScheduledChange
        fields = ["plan", "version", "at"]


class PauseSerializer(RowSerializer[Pause]):
    """The start of a pause, and its end if known."""

    resumes_at = InstantField(source="ends_at", allow_null=True)

    class Meta:
        model = Pause
        fields = ["starts_at", "resumes_at", "reason"]


class LoadedSubscription(Protocol):
    """A subscription with the rows that the view prefetched."""

    version_id: int
    currency: str
    anchor_at: datetime
    customer: Customer
    held: Sequence[SubscriptionQuantity]
    running: Sequence[Period]
    to_come: Sequence[ScheduledChange]
    paused: Sequence[Pause]


class SubscriptionSerializer(RowSerializer[Subscription]):
    """A customer's subscription to a plan version."""

    id = serializers.CharField(source="external_id")
    customer = serializers.CharField(source="customer.external_id")
    seller = serializers.CharField(source="seller.code", help_text="Code of the seller of its invoices.")
    plan = serializers.CharField(source="version.plan.code")
    version = serializers.IntegerField(source="version.number")
    anchor_at = serializers.SerializerMethodField(help_text="Time from which the billing periods are counted.")
    quantities = serializers.SerializerMethodField(help_text="Quantities of fees charged per seat or add-on.")
    current_period = serializers.SerializerMethodField(help_text="Null before the start and after the end.")
    scheduled_change = serializers.SerializerMethodField(help_text="Null if no change is scheduled.")
    pause = serializers.SerializerMethodField(help_text="The current or next one; null if there is none.")
    metadata = MetadataObjectField(read_only=True)
    tags = TagListField(read_only=True)

    class Meta:
        model = Subscription
        fields = [
            *("id", "customer", "seller", "plan", "version", "currency", "state", "named", "starts_at", "anchor_at"),
            *("trial_ends_at", "ends_at", "canceled_at", "created_at"),
            *("quantities", "current_period", "scheduled_change", "pause", "metadata", "tags"),
        ]

    @extend_schema_field(serializers.DateTimeField())
    def get_anchor_at(self, subscription: LoadedSubscription) -> Any:
        """Return the anchor of the running period: its own, if a plan change restarted the billing period."""
        own_anchors = [period.anchor_at for period in subscription.running if period.anchor_at is not None]
        return self.fields["starts_at"].to_representation((own_anchors or [subscription.anchor_at])[0])

    @extend_schema_field(HeldSerializer(many=True))
    def get_quantities(self, subscription: LoadedSubscription) -> Any:
        """Return the current quantities."""
        fees = load_terms(subscription.version_id, subscription.currency).unit_fees
        at = loaded_current_time(subscription.customer, now=timezone.now())
        quantities = fee_quantities(fees, to_quantity_changes(subscription.held), at=at)
        return HeldSerializer(quantities, many=True).data

    @extend_schema_field(RunningPeriodSerializer(allow_null=True))
    def get_current_period(self, subscription: LoadedSubscription) -> Any:
        """Return the running period."""
        periods = subscription.running
        return RunningPeriodSerializer(periods[0]).data if periods else None

    @extend_schema_field(ScheduledChangeSerializer(allow_null=True))
    def get_scheduled_change(self, subscription: LoadedSubscription) -> Any:
        """Return the upcoming change."""
        changes = subscription.to_come
        return ScheduledChangeSerializer(changes[0]).data if changes else None

    @extend_schema_field(PauseSerializer(allow_null=True))
    def get_pause(self, subscription: LoadedSubscription) -> Any:
        """Return the current or upcoming pause."""
        pauses = subscription.paused
        return PauseSerializer(pauses[0]).data if pauses else None


class SubscriptionLabelsSerializer(StrictFields, serializers.Serializer[Any]):
    """The fields of a subscription that have no effect on its invoices."""

    metadata = MetadataObjectField()
    tags = TagListField()


class NewSubscriptionSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """
    A subscription to start.

    Its validated data are the arguments of `subscriptions.start`, except `at`.
    """

    id = ExternalIdField(
        source="external_id", required=False, help_text="Your ID for the subscription; default: generated."
    )
    customer = serializers.CharField(max_length=200)
    plan = serializers.CharField(max_length=64, help_text="The plan's code.")
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Default: the version in force at the start."
    )
    currency = CurrencyField(required=False, help_text="Default: the customer's currency.")
    seller = SellerField(help_text="Code of the seller of its invoices; default: the customer's seller.")
    starts_at = InstantField(required=False, help_text="Default: now.")
    anchor_at = InstantField(
        required=False, help_text="Origin of the billing anniversaries; default: the end of the trial, or the start."
    )
    trial_days = serializers.IntegerField(
        min_value=0,
        max_value=MAX_TRIAL_DAYS,
        required=False,
        help_text="Days without fees, or 0 for no trial; default: the version's trial, once per customer and plan.",
    )
    ends_at = InstantField(required=False, help_text="End date; default: none.")
    coupons = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=20,
        help_text="Codes of the coupons to apply from the start, in this order.",
    )
    named = serializers.BooleanField(
        required=False,
        help_text="Count only events that name this subscription; it can then price features of another one.",
    )

    quantities = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_SEATS),
        required=False,
        help_text="Fee code → number of seats or add-ons at the start; default: each fee's minimum.",
    )

    draft = serializers.BooleanField(default=False, help_text="Only draft it; activate it later.")
    metadata = MetadataObjectField()
    tags = TagListField()

    def validate_customer(self, external_id: str) -> Customer:
        """
        Return the customer.

        :raises serializers.ValidationError: if the caller sees no such customer.
        """
        sandbox = self.context["request"].user.sandbox
        customer = Customer.objects.filter(external_id=external_id, sandbox=sandbox).first()
        if customer is None:
            raise _unknown(f"There is no customer “{external_id}”; create it first.")
        return customer

    def validate_coupons(self, codes: list[str]) -> list[Coupon]:
        """
        Return the coupons.

        :raises serializers.ValidationError: if there is no coupon with one of the codes.
        """
        return [coupon_named(code) for code in codes]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Set the start, and look up the version: the requested one, or the one in force at the start."""
        attrs.setdefault("starts_at", self.context["at"])
        attrs["version"] = version_of(attrs.pop("plan"), attrs.get("version"), at=attrs["starts_at"])
        return attrs


class CancellationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The end of the subscription, and how amounts paid in advance for the time after it are credited."""

    when = serializers.ChoiceField(choices=["period_end", "now"], default="period_end")
    ends_at = InstantField(required=False, help_text="Any later time, instead of `when`.")
    give_back = serializers.ChoiceField(
        choices=["none", "credit", "refund"],
        default="none",
        help_text="`none` keeps prepaid fees; `credit` and `refund` return the unused part by a credit note.",
    )

    rules = (
        FieldRule(
            not_both(given("when", "now"), given("ends_at")), "ends_at", "Send either when=now or ends_at, not both."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Turn `when` into `ends_at`."""
        if attrs.pop("when") == "now":
            attrs["ends_at"] = self.context["at"]
        return attrs


def version_of(plan: str, number: int | None, *, at: datetime) -> PlanVersion:
    """
    Return a version of a plan: the one with this number, or the one in force at `at`.

    :raises serializers.ValidationError: if there is none.
    """
    versions = PlanVersion.objects.filter(plan__code=plan).select_related("plan")
    version = versions.in_force(at).first() if number is None else versions.filter(number=number).first()
    if version is None:
        problem = f"has no version {number}" if number else "has no prices in force at the start, or does not exist"
        raise serializers.ValidationError({"version" if number else "plan": _unknown(f"“{plan}” {problem}.").detail})
    return version


def _unknown(detail: str) -> serializers.ValidationError:
    return serializers.ValidationError([serializers.ErrorDetail(detail, "unknown")])
