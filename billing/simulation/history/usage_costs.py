"""What the usage of past periods has cost us: its units, each at the unit cost of its hour."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import msgspec

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.costs.unit_costs import as_costs
from plans.models import UnitCost
from plans.pricing.cost_rates import UnitCost as Cost
from plans.pricing.cost_rates import cost_of

# A figure for each series and stretch of time between two changes of any cost; hours are as fine as it gets.
_USED = """
SELECT s.period_id, s.meter_id, s.dimensions::text, min(h.bucket), sum(h.quantity)
FROM unnest(%s::bigint[]) AS asked(period)
CROSS JOIN LATERAL (
    SELECT * FROM billing_series WHERE period_id = asked.period AND meter_id = ANY(%s::bigint[]) OFFSET 0
) s
CROSS JOIN LATERAL (SELECT * FROM billing_hourlyusage WHERE series_id = s.id OFFSET 0) h
GROUP BY s.id, 1, 2, s.dimensions, width_bucket(h.bucket, %s::timestamptz[])
"""

_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def read_costs(currencies: Mapping[int, str]) -> dict[int, Decimal]:
    """
    Return period → what its usage has cost, in its currency; none of periods whose usage has no unit cost there.

    currencies: period → its currency. Only meters that add up have costs that do.

    Source: docs/simulation.md#margins.
    """
    stored = UnitCost.objects.filter(currency__in=set(currencies.values()), meter__aggregation__in=("count", "sum"))
    rows = list(stored.order_by("meter", "currency", "pk"))
    costs = {key: as_costs(of) for key, of in groupby(rows, key=lambda one: (one.meter_id, str(one.currency)))}
    if not costs:
        return {}
    found: dict[int, Decimal] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_USED, [list(currencies), sorted({meter for meter, _ in costs}), _edges(costs.values())])
        for period_id, meter_id, dimensions, at, quantity in cursor.fetchall():
            cost = cost_of(costs.get((meter_id, currencies[period_id]), ()), _dimensions(dimensions), at)
            if cost is not None:
                spent = EXACT.multiply(quantity, cost.cost)
                found[period_id] = EXACT.add(found.get(period_id, ZERO), spent)
    return found


def _edges(costs: Iterable[Iterable[Cost]]) -> list[datetime]:
    """Return the moments at which any cost begins or ends, in order."""
    every = [one for of in costs for one in of]
    return sorted({at for one in every for at in (one.since, one.until) if at is not None})
