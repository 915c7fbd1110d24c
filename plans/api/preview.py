"""POST /api/v1/plans/{plan}/preview: what some usage would cost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.number_fields import NumberField, serialize_amount
from lib.currencies import MINOR_UNITS
from lib.decimals import EXACT, ZERO
from plans.api.rating_result import PricedSerializer
from plans.api.views import visible
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.costs.unit_costs import CostRefused, to_cost_rates, usage_at_cost
from plans.models import Plan, PlanVersion, UnitCost
from plans.pricing.cost_rates import charges_unit_cost
from plans.pricing.rating import PriceTerms, RateUsage, Rating, match_rate, rate_usage

MOST_QUANTITIES = 100
NOTHING = RateUsage(ZERO)


class QuantitySerializer(serializers.Serializer[Any]):
    """How much of the feature would be used, with which dimensions."""

    dimensions = serializers.DictField(child=serializers.CharField(max_length=4096), required=False, default=dict)
    quantity = NumberField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What to price."""

    feature = serializers.CharField(max_length=64)
    currency = serializers.RegexField("^[A-Z]{3}$", help_text="ISO 4217 code, such as USD.")
    quantities = QuantitySerializer(many=True, allow_empty=False, max_length=MOST_QUANTITIES)
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Default: the version in force."
    )

    def validate_currency(self, code: str) -> str:
        """:raises serializers.ValidationError: if nothing can be rounded to the currency."""
        if code not in MINOR_UNITS:
            raise serializers.ValidationError(f"{code} is no currency of ISO 4217.")
        return code


EXAMPLE = OpenApiExample(
    "Two kinds of tokens",
    {
        "feature": "llm.tokens",
        "currency": "USD",
        "quantities": [
            {"dimensions": {"token_type": "input"}, "quantity": "1200000"},
            {"dimensions": {"token_type": "output"}, "quantity": "300000"},
        ],
    },
    request_only=True,
)


class PreviewView(generics.GenericAPIView[Plan]):
    """Prices by the function that bills: what it answers is what an invoice would say."""

    required_scopes = {"POST": "read"}
    serializer_class = PreviewSerializer

    @extend_schema(
        operation_id="preview_price",
        summary="Price some usage of a feature",
        description="Tells what usage within one period would cost, tier by tier. Prices on single events are"
        " worked out for one of each quantity. Nothing is stored.",
        responses={200: PricedSerializer},
        examples=[EXAMPLE],
    )
    def post(self, request: Request, plan: str) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        version = self._version(plan, asked.get("version"))
        feature, price = _price(version, asked["feature"], asked["currency"])
        quantities = _by_rate(price, asked["quantities"], feature)
        rating = rate_usage(price, quantities)
        return Response(_document(version, feature, rating))

    def _version(self, plan: str, number: int | None) -> PlanVersion:
        sandbox = self.request.user.sandbox
        versions = PlanVersion.objects.filter(plan=generics.get_object_or_404(Plan, code=plan))
        if number is None:
            found = versions.in_force(timezone.now()).select_related("plan").first()
        else:
            found = visible(versions.filter(number=number), sandbox=sandbox).select_related("plan").first()
        if found is None:
            raise _refused("version", f"{plan} has no version {number or 'in force'}.", code="unknown")
        return found


def _price(version: PlanVersion, code: str, currency: str) -> tuple[FeatureTerms, PriceTerms]:
    terms = load_terms(version.pk, currency)
    feature = next((one for one in terms.features if one.code == code), None)
    if feature is None:
        raise _refused("feature", f"{version} meters no feature “{code}”.", code="unknown")
    if feature.price is None:
        raise _refused("currency", f"{version} has no price for {code} in {currency}.", code="no_price")
    return feature, feature.price


def _by_rate(
    price: PriceTerms, quantities: Sequence[Mapping[str, Any]], feature: FeatureTerms
) -> dict[int | str, Decimal | RateUsage]:
    """Return what is asked for as one event at each rate."""
    found: dict[int | str, RateUsage] = {}
    stored = UnitCost.objects.filter(meter=feature.meter_id, currency=price.currency)
    costs = to_cost_rates(stored) if any(charges_unit_cost(rate.charge) for rate in price.rates) else ()
    now = timezone.now()
    for index, one in enumerate(quantities):
        rate = match_rate(price.rates, one["dimensions"])
        if rate is None:
            raise _refused(f"quantities.{index}.dimensions", f"No rate of {feature.code} matches.", code="no_rate")
        try:
            usage = usage_at_cost(rate, one["quantity"], one["dimensions"], costs=costs, at=now)
        except CostRefused as refusal:
            raise _refused(f"quantities.{index}.dimensions", str(refusal), code="no_cost") from refusal
        before = found.get(rate.key, NOTHING)
        together = RateUsage.from_one_event(EXACT.add(before.quantity, usage.quantity))
        found[rate.key] = replace(together, carried=EXACT.add(before.carried, usage.carried))
    return dict(found)


def _refused(field: str, detail: str, *, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [serializers.ErrorDetail(detail, code)]})


def _document(version: PlanVersion, feature: FeatureTerms, rating: Rating) -> dict[str, Any]:
    lines = [
        {**line.as_json(), "rate": line.label, "amount": serialize_amount(line.amount, rating.currency)}
        for line in rating.invoice_lines
    ]
    return {
        "plan": version.plan.code,
        "version": version.number,
        "feature": feature.code,
        "lines": lines,
        "total": serialize_amount(rating.invoiced_amount, rating.currency),
    }
