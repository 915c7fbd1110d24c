"""The margins of prices over unit costs, rate by rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from django.utils.translation import gettext

from lib.currencies import CREDITS
from plans.catalog.stored_terms import FeatureTerms, currencies_by_version, load_terms
from plans.costs.unit_costs import to_cost_rates
from plans.models import PlanVersion, UnitCost
from plans.pricing.cost_rates import CostRate as Cost
from plans.pricing.cost_rates import find_cost
from plans.pricing.rates import RateTerms, match_rate
from plans.pricing.unit_margin import margin_percent, unit_prices

Costs = dict[tuple[int, str], tuple[Cost, ...]]
"""(meter, currency) → its unit costs."""


@dataclass(frozen=True, slots=True)
class RateMargin:
    """
    The margin of one rate over one unit cost, for usage above `above` units in a period.

    dimensions: of the usage that both the rate and the cost apply to. price, cost: of one unit, in `currency`.
    percent: margin in percent of the price, to a tenth; None if the price is zero.
    """

    version: PlanVersion
    feature: str
    unit: str
    currency: str
    rate: str
    dimensions: dict[str, str]
    above: Decimal
    price: Fraction
    cost: Decimal
    percent: Decimal | None

    def is_at_least(self, least: Decimal) -> bool:
        """Return whether the margin is at least a percentage; for a price of zero, whether the cost is zero too."""
        return not self.cost if self.percent is None else self.percent >= least


def compute_margins(version: PlanVersion, *, at: datetime, costs: Costs | None = None) -> list[RateMargin]:
    """
    Return the margin of each rate of a version over each unit cost of its usage in force at `at`.

    costs: all costs in force, if the caller has read them. Prices in a currency without unit costs are omitted. So
        are flat fees and percentages, which have no unit price, and prices in credits, because each customer paid a
        different price for a credit.

    Source: docs/pricing.md#margins.
    """
    costs_by_meter = costs_in_force(at=at) if costs is None else costs
    currencies = sorted({currency for _, currency in costs_by_meter})
    margins: list[RateMargin] = []
    for currency in currencies:
        for feature in load_terms(version.pk, currency).features:
            margins += _feature_margins(
                version, feature, costs_by_meter.get((feature.meter_id, currency), ()), currency, at
            )
    return margins


@dataclass(frozen=True, slots=True)
class MissingCost:
    """
    A feature that a version charges in a currency without a unit cost; known_currencies: currencies that have one.
    """

    version: PlanVersion
    feature: str
    currency: str
    known_currencies: tuple[str, ...]

    def __str__(self) -> str:
        currencies = " and ".join(self.known_currencies)
        return gettext(
            "The margin of %(feature)s in %(currency)s is unknown: its unit cost is recorded in"
            " %(currencies)s only. Record it in %(currency)s as well."
        ) % {"feature": self.feature, "currency": self.currency, "currencies": currencies}


def find_missing_costs(
    versions: Sequence[PlanVersion], *, at: datetime, costs: Costs | None = None
) -> list[MissingCost]:
    """
    Return the features that these versions charge in a currency without unit costs, although other currencies have
    some.
    """
    currencies_by_meter: dict[int, list[str]] = {}
    for meter, currency in costs_in_force(at=at) if costs is None else costs:
        currencies_by_meter.setdefault(meter, []).append(currency)
    charged_currencies = currencies_by_version(versions) if currencies_by_meter else {}
    return [
        MissingCost(version, feature.name, currency, tuple(sorted(currencies_by_meter[feature.meter_id])))
        for version in versions
        for currency in charged_currencies.get(version.pk, ())
        for feature in load_terms(version.pk, currency).features
        if _is_priced_in_money(feature)
        and feature.meter_id in currencies_by_meter
        and currency not in currencies_by_meter[feature.meter_id]
    ]


def compute_live_margins(*, at: datetime) -> tuple[list[RateMargin], list[MissingCost]]:
    """Return the margins of all versions in force, and the features without a cost to compare with."""
    costs = costs_in_force(at=at)
    meter_ids = {meter for meter, _ in costs}
    versions = PlanVersion.objects.in_force(at).filter(features__feature__meter__in=meter_ids).distinct()
    live = list(versions.select_related("plan").order_by("plan__name"))
    margins = [margin for version in live for margin in compute_margins(version, at=at, costs=costs)]
    return margins, find_missing_costs(live, at=at, costs=costs)


def costs_in_force(*, at: datetime) -> Costs:
    stored = UnitCost.objects.in_force(at).order_by("meter", "currency", "pk")
    return {
        key: to_cost_rates(rows)
        for key, rows in groupby(stored, key=lambda cost: (cost.meter_id, str(cost.currency)))
    }


def _feature_margins(
    version: PlanVersion, feature: FeatureTerms, costs: Sequence[Cost], currency: str, at: datetime
) -> Iterable[RateMargin]:
    rates = feature.price.rates if feature.price and _is_priced_in_money(feature) else ()
    for rate in rates:
        for cost in costs:
            dimensions = _shared_dimensions(rates, rate, costs, cost, at)
            if dimensions is None:
                continue
            for unit_price in unit_prices(rate.charge, cost.cost):
                yield RateMargin(
                    version=version,
                    feature=feature.name,
                    unit=feature.unit,
                    currency=currency,
                    rate=rate.label,
                    dimensions=dimensions,
                    above=unit_price.above_units,
                    price=unit_price.price,
                    cost=cost.cost,
                    percent=margin_percent(unit_price.price, cost.cost),
                )


def _is_priced_in_money(feature: FeatureTerms) -> bool:
    return feature.price is not None and feature.price.currency != CREDITS


def _shared_dimensions(
    rates: Sequence[RateTerms], rate: RateTerms, costs: Sequence[Cost], cost: Cost, at: datetime
) -> dict[str, str] | None:
    """Return the dimensions of usage that has both this rate and this cost, or None if there is no such usage."""
    dimensions = {**dict(rate.match), **dict(cost.match)}
    if match_rate(rates, dimensions) is rate and find_cost(costs, dimensions, at) is cost:
        return dimensions
    return None
