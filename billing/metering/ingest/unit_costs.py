"""The cost of usage whose price charges each unit at its unit cost."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.metering.ingest.catalog_cache import CachedMeter
from billing.metering.ingest.customer_cache import CachedPeriod
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store.counter_store import CounterKey, RollupSeries
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.cost_rates import CostRate, charges_unit_cost, find_in_force, matching_costs
from plans.pricing.price_splits import listed_key

TargetCosts = tuple[tuple[CostRate, ...] | None, ...]
"""For each target of a stop: the possible costs of its usage, the most specific first; None if it charges none."""


def find_costs(
    meter: CachedMeter,
    priced: Sequence[tuple[CachedPeriod, FeatureTerms]],
    targets: Sequence[tuple[CounterKey, RollupSeries | None]],
    dimensions: Mapping[str, str],
) -> TargetCosts:
    """Return the costs of usage at these targets; empty if none of them charges any."""
    target_costs = tuple(
        matching_costs(meter.costs.get(period.currency, ()), dimensions)
        if _is_costed(feature, counter.rate_id)
        else None
        for (period, feature), (counter, _) in zip(priced, targets, strict=True)
    )
    return target_costs if any(costs is not None for costs in target_costs) else ()


def are_costs_known(costs: TargetCosts, at: datetime) -> bool:
    """Return whether usage at a time has a cost wherever one is charged."""
    return all(rates is None or find_in_force(rates, at) is not None for rates in costs)


def sum_at_cost(
    costs: Sequence[CostRate], events: Iterable[ReceivedEvent], values: Iterable[int | Decimal]
) -> int | Decimal:
    """
    Return the sum of the events' values, each multiplied by the cost at its time; attribution has verified that it
    exists.
    """
    total: int | Decimal = 0
    for event, value in zip(events, values, strict=True):
        cost = find_in_force(costs, event.occurred_at)
        total += value * cost.cost if cost else 0
    return total


def _is_costed(feature: FeatureTerms, rate_id: int) -> bool:
    rates = feature.price.rates if feature.price else ()
    return any(rate.key == listed_key(rate_id) and charges_unit_cost(rate.charge) for rate in rates)
