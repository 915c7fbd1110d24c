"""What usage carries where a price charges its units at their unit cost."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.metering.ingest.catalog_cache import CachedMeter
from billing.metering.ingest.customer_cache import CachedPeriod
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store.counter_store import CounterKey, RollupSeries
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.cost_rates import CostRate, charges_unit_cost, find_in_force, matching_costs

TargetCosts = tuple[tuple[CostRate, ...] | None, ...]
"""For each target of a stop, the costs that its usage may have, the most specific first; None = it charges none."""


def find_costs(
    meter: CachedMeter,
    priced: Sequence[tuple[CachedPeriod, FeatureTerms]],
    targets: Sequence[tuple[CounterKey, RollupSeries | None]],
    dimensions: Mapping[str, str],
) -> TargetCosts:
    """Return the costs of what goes to these targets, or nothing where none of them charges any."""
    found = tuple(
        matching_costs(meter.costs.get(period.currency, ()), dimensions)
        if _is_costed(feature, counter.rate_id)
        else None
        for (period, feature), (counter, _) in zip(priced, targets, strict=True)
    )
    return found if any(costs is not None for costs in found) else ()


def are_costs_known(costs: TargetCosts, at: datetime) -> bool:
    """Tell whether usage at a moment has a cost wherever one is charged."""
    return all(of_target is None or find_in_force(of_target, at) is not None for of_target in costs)


def sum_at_cost(
    costs: Sequence[CostRate], events: Iterable[ReceivedEvent], values: Iterable[int | Decimal]
) -> int | Decimal:
    """Return the sum of the values of events, each times the cost of its time, which attribution has found."""
    total: int | Decimal = 0
    for event, value in zip(events, values, strict=True):
        cost = find_in_force(costs, event.occurred_at)
        total += value * cost.cost if cost else 0
    return total


def _is_costed(feature: FeatureTerms, rate_id: int) -> bool:
    rates = feature.price.rates if feature.price else ()
    return any(rate.key == rate_id and charges_unit_cost(rate.charge) for rate in rates)
