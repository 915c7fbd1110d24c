"""Read the seller's cost of past usage: each unit at the unit cost of its hour."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import msgspec

from lib.decimals import EXACT, ZERO
from lib.prepared_statements import fetch_rows
from plans.costs.unit_costs import to_cost_rates
from plans.models import UnitCost
from plans.pricing.cost_rates import CostRate as Cost
from plans.pricing.cost_rates import find_cost

# One sum per series and interval between two changes of any unit cost. Usage is stored by the hour, so an hour counts
# at the cost of its start. OFFSET 0 keeps the planner from flattening the subqueries: one index scan per period.
_USED = """
SELECT s.period_id, s.meter_id, s.dimensions::text, min(h.bucket), sum(h.quantity)
FROM unnest(%s::bigint[]) AS requested(period)
CROSS JOIN LATERAL (
    SELECT * FROM billing_series WHERE period_id = requested.period AND meter_id = ANY(%s::bigint[]) OFFSET 0
) s
CROSS JOIN LATERAL (SELECT * FROM billing_hourlyusage WHERE series_id = s.id OFFSET 0) h
GROUP BY s.id, 1, 2, s.dimensions, width_bucket(h.bucket, %s::timestamptz[])
"""

_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def read_costs(currencies: Mapping[int, str]) -> dict[int, Decimal]:
    """
    Return period → cost of its usage, in its currency; periods without unit costs in their currency are left out.

    currencies: period → its currency. Only meters whose quantities add up have a cost.

    Source: docs/simulation.md#margins.
    """
    stored = UnitCost.objects.filter(currency__in=set(currencies.values()), meter__aggregation__in=("count", "sum"))
    costs = {
        key: to_cost_rates(unit_costs)
        for key, unit_costs in groupby(
            stored.order_by("meter", "currency", "pk"),
            key=lambda unit_cost: (unit_cost.meter_id, str(unit_cost.currency)),
        )
    }
    if not costs:
        return {}
    cost_by_period: dict[int, Decimal] = {}
    meter_ids = sorted({meter_id for meter_id, _ in costs})
    rows = fetch_rows(_USED, [list(currencies), meter_ids, _cost_boundaries(costs.values())])
    for period_id, meter_id, dimensions, hour, quantity in rows:
        cost = find_cost(costs.get((meter_id, currencies[period_id]), ()), _dimensions(dimensions), hour)
        if cost is not None:
            spent = EXACT.multiply(quantity, cost.cost)
            cost_by_period[period_id] = EXACT.add(cost_by_period.get(period_id, ZERO), spent)
    return cost_by_period


def _cost_boundaries(costs: Iterable[Iterable[Cost]]) -> list[datetime]:
    """Return the moments at which any unit cost begins or ends, in order."""
    all_costs = [cost for series in costs for cost in series]
    return sorted({at for cost in all_costs for at in (cost.since, cost.until) if at is not None})
