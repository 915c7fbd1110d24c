"""Which prices hold a margin over what usage costs, rate by rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from lib.currencies import CREDITS
from plans.catalog.stored_terms import FeatureTerms, currencies_of_all, terms_of
from plans.costs.unit_costs import as_costs
from plans.models import PlanVersion, UnitCost
from plans.pricing.cost_rates import UnitCost as Cost
from plans.pricing.cost_rates import cost_of
from plans.pricing.rates import Rate, match_rate
from plans.pricing.unit_margin import margin, unit_prices

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
    are what charges by no unit (flat fees and percentages) and what burns credits: a credit has cost each customer
    something else.

    Source: docs/pricing.md#margins.
    """
    known = costs_in_force(at=at) if costs is None else costs
    currencies = sorted({currency for _, currency in known})
    found = []
    for currency in currencies:
        for feature in terms_of(version.pk, currency).features:
            found += _margins_of_feature(version, feature, known.get((feature.meter_id, currency), ()), currency, at)
    return found


@dataclass(frozen=True, slots=True)
class Uncosted:
    """A feature that a version charges in a currency in which no unit cost of it is known; known: where one is."""

    version: PlanVersion
    feature: str
    currency: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        known = " and ".join(self.known)
        return (
            f"{self.feature} in {self.currency}: what a unit costs is known in {known} only, so no margin can be"
            f" told. Record its cost in {self.currency} as well."
        )


def uncosted_of(versions: Sequence[PlanVersion], *, at: datetime, costs: Costs | None = None) -> list[Uncosted]:
    """Return what these versions charge in a currency without unit costs, while there are some in others."""
    known: dict[int, list[str]] = {}
    for meter, currency in costs_in_force(at=at) if costs is None else costs:
        known.setdefault(meter, []).append(currency)
    charged = currencies_of_all(versions) if known else {}
    return [
        Uncosted(version, feature.name, currency, tuple(sorted(known[feature.meter_id])))
        for version in versions
        for currency in charged.get(version.pk, ())
        for feature in terms_of(version.pk, currency).features
        if _is_money(feature) and feature.meter_id in known and currency not in known[feature.meter_id]
    ]


def live_margins(*, at: datetime) -> tuple[list[Margin], list[Uncosted]]:
    """Return the margins of all versions in force, and what they charge without a cost to compare it with."""
    costs = costs_in_force(at=at)
    metered = {meter for meter, _ in costs}
    versions = PlanVersion.objects.in_force(at).filter(features__feature__meter__in=metered).distinct()
    live = list(versions.select_related("plan").order_by("plan__name"))
    found = [one for version in live for one in margins_of(version, at=at, costs=costs)]
    return found, uncosted_of(live, at=at, costs=costs)


def costs_in_force(*, at: datetime) -> Costs:
    stored = UnitCost.objects.in_force(at).order_by("meter", "currency", "pk")
    return {key: as_costs(rows) for key, rows in groupby(stored, key=lambda one: (one.meter_id, str(one.currency)))}


def _margins_of_feature(
    version: PlanVersion, feature: FeatureTerms, costs: Sequence[Cost], currency: str, at: datetime
) -> Iterable[Margin]:
    rates = feature.price.rates if feature.price and _is_money(feature) else ()
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


def _is_money(feature: FeatureTerms) -> bool:
    return feature.price is not None and feature.price.currency != CREDITS


def _shared(
    rates: Sequence[Rate], rate: Rate, costs: Sequence[Cost], cost: Cost, at: datetime
) -> dict[str, str] | None:
    """Return the dimensions of usage that is charged by this rate and costs this cost, or None if there is none."""
    usage = {**dict(rate.match), **dict(cost.match)}
    if match_rate(rates, usage) is rate and cost_of(costs, usage, at) is cost:
        return usage
    return None
