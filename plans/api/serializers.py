"""Serializers of plans, their versions and prices."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lib.api.fields import RowSerializer
from lib.api.number_fields import AmountField, NumberField
from plans.models import Commitment, Fee, IncludedCredits, Plan, PlanFeature, PlanVersion, Price, Rate, Tier


class TierSerializer(RowSerializer[Tier]):
    """A tier of a rate, up to and including `up_to`; null for the open last one."""

    up_to = NumberField(allow_null=True)
    unit_price = NumberField()
    percent = NumberField(allow_null=True, help_text="Of the value within the step, for a graduated percentage.")
    flat_fee = NumberField()

    class Meta:
        model = Tier
        fields = ["up_to", "unit_price", "percent", "flat_fee"]


class RateSerializer(RowSerializer[Rate]):
    """The charge for usage that has all the dimensions of `match`."""

    label = serializers.CharField(source="__str__")  # type: ignore[assignment]  # a field, which the metaclass takes off
    match = serializers.DictField(child=serializers.CharField())
    unit_price = NumberField(allow_null=True)
    package_size = NumberField(allow_null=True)
    percent = NumberField(allow_null=True, help_text="Of each event's value, for a percentage.")
    fixed_fee = NumberField(help_text="For every event that a percentage is paid on.")
    free_value = NumberField(help_text="The first so much value of a period is free.")
    least_per_event = NumberField(allow_null=True)
    most_per_event = NumberField(allow_null=True)
    markup = NumberField(help_text="What the cost of the events is multiplied by, for a dynamic price.")
    tiers = serializers.SerializerMethodField()

    class Meta:
        model = Rate
        fields = [
            *("label", "match", "model", "unit_price", "package_size", "package_rounding", "percent", "fixed_fee"),
            *("free_events", "free_value", "least_per_event", "most_per_event", "cost_source", "markup", "tiers"),
        ]

    @extend_schema_field(TierSerializer(many=True))
    def get_tiers(self, rate: Rate) -> Any:
        """Return the tiers in order."""
        ordered = sorted(rate.tiers.all(), key=lambda tier: (tier.up_to is None, tier.up_to or 0))
        return TierSerializer(ordered, many=True).data


class PriceSerializer(RowSerializer[Price]):
    """The price of a feature in one currency. Of several rates, the most specific match applies."""

    resets_unit = serializers.CharField(help_text="What resets_every counts; empty where it starts anew as invoiced.")
    minimum = NumberField(allow_null=True, help_text="What the feature comes to at least in a full period.")
    maximum = NumberField(allow_null=True, help_text="What it comes to at most.")
    rates = RateSerializer(many=True)

    class Meta:
        model = Price
        fields = ["currency", "minimum", "maximum", "resets_every", "resets_unit", "rates"]


class PlanFeatureSerializer(RowSerializer[PlanFeature]):
    """A version's terms for one feature: the allowance, and the rule for usage beyond it."""

    feature = serializers.CharField(source="feature.code")
    name = serializers.CharField(source="feature.name")
    kind = serializers.CharField(source="feature.kind")
    unit = serializers.CharField(source="feature.meter.unit", default=None, allow_null=True)
    when_unreachable = serializers.CharField(
        source="feature.when_unreachable", help_text="What your product does while it gets no answer: open or closed."
    )
    included = NumberField(help_text="Units per period that cost nothing.")
    unlocked_at = NumberField(help_text="Units, or money of the subscription's currency, from which on it is open.")
    prices = PriceSerializer(many=True)

    class Meta:
        model = PlanFeature
        fields = [
            *("feature", "name", "kind", "unit", "when_unreachable", "consumption", "included"),
            *("static_value", "unlocked_by", "unlocked_with", "unlocked_at", "prices"),
        ]


class FeeSerializer(RowSerializer[Fee]):
    """A charge independent of usage."""

    amount = AmountField(help_text="For each unit held, where its basis is seat or add_on.")
    included = serializers.IntegerField(help_text="Units held that cost nothing.")
    least = serializers.IntegerField(help_text="How many are held at least, and to begin with.")
    most = serializers.IntegerField(allow_null=True, help_text="How many may be held; null for any number.")
    every = serializers.IntegerField(help_text="Periods that it is for: 12 is a fee by the year, usage each month.")

    class Meta:
        model = Fee
        fields = ["code", "label", "kind", "amount", "billed", "basis", "included", "least", "most", "every"]


class CommitmentSerializer(RowSerializer[Commitment]):
    """The guaranteed spend of every subscription to a version."""

    minimum = NumberField(help_text="Before coupons and tax: of each period, or of the whole contract.")
    periods = serializers.IntegerField(help_text="Invoice periods that the minimum is for.")
    overage_factor = NumberField(help_text="What usage beyond the minimum is multiplied by.")
    discount = NumberField(help_text="Percent off unit prices in return.")
    trues_up = serializers.BooleanField(help_text="Whether what is missing at the end is claimed.")

    class Meta:
        model = Commitment
        fields = ["currency", "minimum", "periods", "overage_factor", "discount", "trues_up"]


class IncludedCreditsSerializer(RowSerializer[IncludedCredits]):
    """Credits or money that subscribers are granted without a purchase."""

    unit = serializers.CharField(help_text="`credits`, or a currency: for subscriptions in that one.")
    amount = NumberField(help_text="Of a whole period, or of a whole month; prorated where it is less.")
    every = serializers.CharField(help_text="`period`, `month`, or `once`: when a subscription starts.")
    lasts = serializers.CharField(help_text="`period`: until its period or month ends; `days`; or `ever`.")
    rolls_over = serializers.IntegerField(help_text="How often what is left goes on instead of expiring.")
    rollover_most = NumberField(allow_null=True, help_text="So much of it at most; null for all.")
    features = serializers.ListField(
        child=serializers.CharField(), source="feature_codes", help_text="What it is for; empty for all."
    )

    class Meta:
        model = IncludedCredits
        fields = [
            *("code", "unit", "amount", "every", "lasts", "days", "rolls_over", "rollover_most"),
            *("priority", "features", "in_trial"),
        ]


class VersionSerializer(RowSerializer[PlanVersion]):
    """The prices of a plan from one date to the next. Once published, it never changes."""

    plan = serializers.CharField(source="plan.code")
    fees = FeeSerializer(many=True)
    features = PlanFeatureSerializer(many=True)
    commitments = CommitmentSerializer(many=True)
    included_credits = IncludedCreditsSerializer(many=True)

    class Meta:
        model = PlanVersion
        fields = [
            *("plan", "number", "state", "interval_unit", "interval_count", "anchor", "proration"),
            *("trial_days", "trial_usage", "effective_from", "effective_to", "fees", "features"),
            *("commitments", "included_credits"),
        ]


class PlanSerializer(RowSerializer[Plan]):
    """An offer, with the version that a subscription starting now would get."""

    version = serializers.SerializerMethodField(help_text="The version in force; null if there is none.")

    class Meta:
        model = Plan
        fields = ["code", "name", "description", "version"]

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_version(self, plan: Plan) -> Any:
        """Return the version in force, which the view has prefetched."""
        versions_in_force: list[PlanVersion] = vars(plan)["in_force"]
        return VersionSerializer(versions_in_force[0]).data if versions_in_force else None
