"""POST /api/v1/plans/{plan}/preview: the price of example usage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.fields import CURRENCY_CODES, StrictFields
from lib.api.number_fields import NumberField, serialize_amount
from lib.api.operations import post
from lib.api.problems import invalid_field
from lib.currencies import CREDITS
from lib.decimals import EXACT, ZERO
from plans.api.rating_result import PricedSerializer
from plans.api.views import PlanVersions
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.costs.unit_costs import CostRefused, to_cost_rates, usage_at_cost
from plans.models import PlanVersion, UnitCost
from plans.pricing.cost_rates import charges_unit_cost
from plans.pricing.price_splits import derive_rates
from plans.pricing.rating import PriceTerms, RateUsage, Rating, match_rate, rate_usage

# Each quantity is a full rating, computed within the request.
MAX_QUANTITIES = 100
PRICE_CURRENCIES = [*CURRENCY_CODES, CREDITS]
NOTHING = RateUsage(ZERO)


class QuantitySerializer(StrictFields, serializers.Serializer[Any]):
    """A quantity of the feature, with its dimensions."""

    dimensions = serializers.DictField(child=serializers.CharField(max_length=4096), required=False, default=dict)
    quantity = NumberField()


class PreviewSerializer(StrictFields, serializers.Serializer[Any]):
    """The usage to price."""

    feature = serializers.CharField(max_length=64)
    currency = serializers.ChoiceField(PRICE_CURRENCIES, help_text="ISO 4217 code, such as USD; XCR for credits.")
    quantities = serializers.ListSerializer[Any](
        child=QuantitySerializer(), allow_empty=False, max_length=MAX_QUANTITIES
    )
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Default: the version in force."
    )


EXAMPLE = {
    "feature": "llm.tokens",
    "currency": "USD",
    "quantities": [
        {"dimensions": {"token_type": "input"}, "quantity": "1200000"},
        {"dimensions": {"token_type": "output"}, "quantity": "300000"},
    ],
}


class PreviewView(PlanVersions):
    """Prices usage by the function that bills, so the answer equals the invoice."""

    @post(
        "preview_price",
        "Price sample usage of a feature",
        "Returns the cost of the usage within one period, tier by tier. Prices per event are calculated for one"
        " event of each quantity. Nothing is stored.",
        scope="read",
        request=PreviewSerializer,
        response=PricedSerializer,
        examples={"Two kinds of tokens": EXAMPLE},
    )
    def preview(self, request: Request, plan: str) -> Response:
        fields = self.read_body()
        version = self._version(fields.get("version"))
        feature, price = _price(version, fields["feature"], fields["currency"])
        price = _split_by_values(price, fields["quantities"])
        quantities = _by_rate(price, fields["quantities"], feature)
        return Response(_document(version, feature, rate_usage(price, quantities)))

    def _version(self, number: int | None) -> PlanVersion:
        versions = self.get_queryset()
        versions = versions.in_force(timezone.now()) if number is None else versions.filter(number=number)
        version = versions.first()
        if version is None:
            raise invalid_field("version", f"{self.owner.code} has no version {number or 'in force'}.", "unknown")
        return version


def _price(version: PlanVersion, code: str, currency: str) -> tuple[FeatureTerms, PriceTerms]:
    terms = load_terms(version.pk, currency)
    feature = next((feature_terms for feature_terms in terms.features if feature_terms.code == code), None)
    if feature is None:
        raise invalid_field("feature", f"{version} has no metered feature “{code}”.", "unknown")
    if feature.price is None:
        raise invalid_field("currency", f"{version} has no price for {code} in {currency}.", "no_price")
    return feature, feature.price


def _split_by_values(price: PriceTerms, quantities: Sequence[Mapping[str, Any]]) -> PriceTerms:
    """Return a split price with a rate for each of the requested values, numbered in the order of the request."""
    if price.split is None:
        return price
    values = dict.fromkeys(quantity["dimensions"].get(price.split.path) for quantity in quantities)
    positions = dict(zip(values, range(1, price.split.bound + 1), strict=False))
    return replace(price, rates=derive_rates(price.rates, price.split, positions))


def _by_rate(
    price: PriceTerms, quantities: Sequence[Mapping[str, Any]], feature: FeatureTerms
) -> dict[int | str, Decimal | RateUsage]:
    """Return the requested quantities by rate, each as the usage of one event."""
    usage_by_rate: dict[int | str, RateUsage] = {}
    stored = UnitCost.objects.filter(meter=feature.meter_id, currency=price.currency)
    costs = to_cost_rates(stored) if any(charges_unit_cost(rate.charge) for rate in price.rates) else ()
    now = timezone.now()
    for index, quantity in enumerate(quantities):
        rate = match_rate(price.rates, quantity["dimensions"])
        if rate is None:
            raise invalid_field(f"quantities.{index}.dimensions", f"No rate of {feature.code} matches.", "no_rate")
        try:
            usage = usage_at_cost(rate, quantity["quantity"], quantity["dimensions"], costs=costs, at=now)
        except CostRefused as refusal:
            raise invalid_field(f"quantities.{index}.dimensions", str(refusal), "no_cost") from refusal
        previous = usage_by_rate.get(rate.key, NOTHING)
        combined = RateUsage.from_one_event(EXACT.add(previous.quantity, usage.quantity))
        usage_by_rate[rate.key] = replace(combined, carried=EXACT.add(previous.carried, usage.carried))
    return dict(usage_by_rate)


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
