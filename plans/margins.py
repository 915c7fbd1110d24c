"""Which prices hold a margin over what usage costs, rate by rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from plans.costing import as_costs
from plans.models import PlanVersion, UnitCost
from plans.pricing.costs import UnitCost as Cost
from plans.pricing.costs import cost_of
from plans.pricing.margins import margin, unit_prices
from plans.pricing.rates import Rate, match_rate
from plans.terms import FeatureTerms, terms_of

Costs = dict[tuple[int, str], tuple[Cost, ...]]
"""(meter, currency) → its unit costs."""


@dataclass(frozen=True, slots=True)
class Margin:
    """
    What one rate leaves over one unit cost, for usage above so many units of a period.

    dimensions: of the usage that both the rate and the cost apply to. price, cost: of one unit, in `currency`.
    percent: of the price, to a tenth; None where nothing is charged.
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

    def holds(self, least: Decimal) -> bool:
        """Tell whether at least so many percent of the price are left; what costs nothing needs no price."""
        return not self.cost if self.percent is None else self.percent >= least


def margins_of(version: PlanVersion, *, at: datetime, costs: Costs | None = None) -> list[Margin]:
    """
    Return what each rate of a version leaves over each unit cost of its usage in force at `at`.

    costs: all in force, where the caller has read them. A price in a currency without unit costs is left out, and so
    is what charges by no unit: flat fees and percentages.

    Source: docs/pricing.md#margins.
    """
    known = costs_in_force(at=at) if costs is None else costs
    currencies = sorted({currency for _, currency in known})
    found = []
    for currency in currencies:
        for feature in terms_of(version.pk, currency).features:
            found += _margins_of_feature(version, feature, known.get((feature.meter_id, currency), ()), currency, at)
    return found


def live_margins(*, at: datetime) -> list[Margin]:
    """Return the margins of all versions in force."""
    costs = costs_in_force(at=at)
    metered = {meter for meter, _ in costs}
    versions = PlanVersion.objects.in_force(at).filter(features__feature__meter__in=metered).distinct()
    found: list[Margin] = []
    for version in versions.select_related("plan").order_by("plan__name"):
        found += margins_of(version, at=at, costs=costs)
    return found


def costs_in_force(*, at: datetime) -> Costs:
    stored = UnitCost.objects.in_force(at).order_by("meter", "currency", "pk")
    return {key: as_costs(rows) for key, rows in groupby(stored, key=lambda one: (one.meter_id, str(one.currency)))}


def _margins_of_feature(
    version: PlanVersion, feature: FeatureTerms, costs: Sequence[Cost], currency: str, at: datetime
) -> Iterable[Margin]:
    rates = feature.price.rates if feature.price else ()
    for rate in rates:
        for cost in costs:
            usage = _shared(rates, rate, costs, cost, at)
            if usage is None:
                continue
            for one in unit_prices(rate.charge, cost.cost):
                yield Margin(
                    version=version,
                    feature=feature.name,
                    unit=feature.unit,
                    currency=currency,
                    rate=rate.label,
                    dimensions=usage,
                    above=one.above,
                    price=one.price,
                    cost=cost.cost,
                    percent=margin(one.price, cost.cost),
                )


def _shared(
    rates: Sequence[Rate], rate: Rate, costs: Sequence[Cost], cost: Cost, at: datetime
) -> dict[str, str] | None:
    """Return the dimensions of usage that is charged by this rate and costs this cost, or None if there is none."""
    usage = {**dict(rate.match), **dict(cost.match)}
    if match_rate(rates, usage) is rate and cost_of(costs, usage, at) is cost:
        return usage
    return None
