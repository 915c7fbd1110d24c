"""Serializers of plans, their versions and prices."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lib.api.fields import RowSerializer
from lib.api.number_fields import AmountField, NumberField
from plans.models import (
    Commitment,
    Fee,
    IncludedCredits,
    Plan,
    PlanFeature,
    PlanVersion,
    Price,
    Rate,
    Tier,
    UsageLimit,
)
from plans.models.prices import UnlockedBy


class TierSerializer(RowSerializer[Tier]):
    """A tier of a rate, up to and including `up_to`; null for the open last one."""

    up_to = NumberField(allow_null=True)
    unit_price = NumberField()
    percent = NumberField(allow_null=True, help_text="Of the value within the tier, for a graduated percentage.")
    flat_fee = NumberField()
    maximum = NumberField(allow_null=True, help_text="The most that the tier costs with its fee.")

    class Meta:
        model = Tier
        fields = ["up_to", "unit_price", "percent", "flat_fee", "maximum"]


class RateSerializer(RowSerializer[Rate]):
    """The charge for usage that has all the dimensions of `match`."""

    label = serializers.CharField(source="__str__")  # type: ignore[assignment]  # a field, which the metaclass takes off
    match = serializers.DictField(child=serializers.CharField())
    unit_price = NumberField(allow_null=True)
    package_size = NumberField(allow_null=True)
    percent = NumberField(allow_null=True, help_text="Of each event's value, for a percentage.")
    fixed_fee = NumberField(help_text="Per event, in addition to a percentage.")
    free_value = NumberField(help_text="Value per period that is free.")
    least_per_event = NumberField(allow_null=True)
    most_per_event = NumberField(allow_null=True)
    markup = NumberField(help_text="Multiplier of the events' cost, for a dynamic price.")
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

    resets_unit = serializers.CharField(
        help_text="Unit of `resets_every`; empty if usage resets with the billing period."
    )
    minimum = NumberField(allow_null=True, help_text="Minimum charge for the feature in a full period.")
    maximum = NumberField(allow_null=True, help_text="Maximum charge in a full period.")
    rates = RateSerializer(many=True)

    class Meta:
        model = Price
        fields = ["currency", "minimum", "maximum", "resets_every", "resets_unit", "rates"]


class UsageLimitSerializer(RowSerializer[UsageLimit]):
    """A quota: uses that a time window allows. Or a throttle: uses per minute beyond the allowance."""

    most = NumberField(help_text="Uses that the window allows.")
    window_count = serializers.IntegerField(help_text="Length of the window, in `window_unit`.")
    window_start = serializers.CharField(help_text="`sliding`, or `first_use`: from the first use until it ends.")
    after = serializers.CharField(help_text="Beyond a quota: `refuse`, `slow` or `overage`.")
    slow_to = NumberField(allow_null=True, help_text="Uses per minute beyond a quota that slows down.")

    class Meta:
        model = UsageLimit
        fields = ["kind", "counts", "most", "window_count", "window_unit", "window_start", "after", "slow_to"]


class PlanFeatureSerializer(RowSerializer[PlanFeature]):
    """A version's terms for one feature: the allowance, and the rule for usage beyond it."""

    feature = serializers.CharField(source="feature.code")
    name = serializers.CharField(source="feature.name")
    kind = serializers.CharField(source="feature.kind")
    unit = serializers.CharField(source="feature.meter.unit", default=None, allow_null=True)
    when_unreachable = serializers.CharField(
        source="feature.when_unreachable",
        help_text="Behavior if a check gets no response: `open` allows the usage, `closed` rejects it.",
    )
    included = NumberField(help_text="Free units per period.")
    unlocked_by = serializers.ChoiceField(
        choices=UnlockedBy.choices, allow_blank=True, help_text="What unlocks the feature; empty: it is never locked."
    )
    unlocked_at = NumberField(help_text="Units, or money in the subscription's currency, that unlock the feature.")
    prices = PriceSerializer(many=True)
    usage_limits = UsageLimitSerializer(many=True)

    class Meta:
        model = PlanFeature
        fields = [
            *("feature", "name", "kind", "unit", "when_unreachable", "consumption", "included", "stub_allowance"),
            *("static_value", "unlocked_by", "unlocked_with", "unlocked_at", "prices", "usage_limits"),
        ]


class FeeSerializer(RowSerializer[Fee]):
    """A charge independent of usage."""

    amount = AmountField(help_text="Per unit, if its basis is seat or add_on.")
    included = serializers.IntegerField(help_text="Free units.")
    least = serializers.IntegerField(help_text="Minimum quantity, and the quantity at the start.")
    most = serializers.IntegerField(allow_null=True, help_text="Maximum quantity; null: no limit.")
    every = serializers.IntegerField(
        help_text="Billing periods covered by the fee: 12 is an annual fee with monthly usage."
    )

    recognition_months = serializers.IntegerField(
        allow_null=True, help_text="Months over which it is earned, if its recognition is `months`."
    )

    class Meta:
        model = Fee
        fields = [
            *("code", "label", "kind", "amount", "billed", "basis", "included", "least", "most", "every"),
            *("recognition", "recognition_months"),
        ]


class CommitmentSerializer(RowSerializer[Commitment]):
    """The guaranteed spend, or the guaranteed units of a feature, of every subscription to a version."""

    minimum = NumberField(
        allow_null=True,
        help_text="Before coupons and tax, for each period or the whole contract; null if it is in units.",
    )
    feature = serializers.CharField(help_text="The only feature whose usage counts; empty: all usage.")
    units = NumberField(allow_null=True, help_text="Minimum units of the feature, worth their price; null: in money.")
    per_window = serializers.BooleanField(
        help_text="Whether each usage window of the feature's price has the minimum, instead of the billing period."
    )
    periods = serializers.IntegerField(help_text="Billing periods covered by the minimum.")
    overage_factor = NumberField(help_text="Multiplier for usage beyond the minimum.")
    discount = NumberField(help_text="Percentage off unit prices in return.")
    trues_up = serializers.BooleanField(help_text="Whether a shortfall is billed at the end (true-up).")

    class Meta:
        model = Commitment
        fields = [
            *("currency", "minimum", "feature", "units", "per_window"),
            *("periods", "overage_factor", "discount", "trues_up"),
        ]


class IncludedCreditsSerializer(RowSerializer[IncludedCredits]):
    """Credits or money that subscribers are granted without a purchase."""

    unit = serializers.CharField(help_text="`credits`, or a currency, for subscriptions in that currency.")
    amount = NumberField(help_text="For a full period or month; prorated for a part.")
    every = serializers.CharField(help_text="`period`, `month`, or `once`: at the start of the subscription.")
    lasts = serializers.CharField(help_text="`period`: until the period or month ends; `days`; or `ever`.")
    rolls_over = serializers.IntegerField(help_text="How many times the rest rolls over instead of expiring.")
    rollover_most = NumberField(allow_null=True, help_text="Maximum that rolls over; null: all.")
    features = serializers.ListField(
        child=serializers.CharField(), source="feature_codes", help_text="Features that it pays for; empty: all."
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
