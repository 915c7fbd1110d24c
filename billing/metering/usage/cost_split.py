"""
The cost of a feature so far, split over days and over the values of dimensions.

The price of a unit may depend on all units of the period, so a part of the usage has no price of its own. Each rate's
amount is shared by quantity among the usage that the rate matches; so values with rates of their own have their own
cost. Nothing is rated again: the amounts are those of `current_usage`.

Source: docs/portal.md#cost-by-day-and-dimension.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.usage.current_usage import FeatureUsage
from lib import sql
from lib.currencies import CREDITS, MINOR_UNITS
from lib.decimals import ZERO
from lib.money import allocate
from plans.pricing.rating import match_rate

MAX_ROWS = 10_000
"""Combinations of days and dimensions that are read at once."""

CENT = Decimal("0.01")


class UsagePart(NamedTuple):
    """Usage that one period counted on one day, with the same dimensions. day: None for all days together."""

    period_id: int
    day: date | None
    dimensions: Mapping[str, str]
    quantity: Decimal


class TooManyParts(Exception):
    """The usage has more combinations of dimensions than are read at once."""


_PARTS = """
SELECT r.period_id, {day}, r.dimensions, sum(r.quantity)
FROM billing_rollup r
WHERE r.period_id = ANY(%(periods)s::bigint[]) AND r.meter_id = %(meter)s
    AND r.bucket >= %(since)s AND r.bucket < %(until)s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT %(limit)s
"""
_DAY = "(date_trunc('day', r.bucket, %(zone)s) AT TIME ZONE %(zone)s)::date"


def read_usage_parts(
    *,
    period_ids: Sequence[int],
    meter_id: int,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    by_day: bool = False,
) -> list[UsagePart]:
    """
    Return the usage of a meter that adds up, by its dimensions, as far as these periods counted it. One query.

    :raises TooManyParts: if there are more than MAX_ROWS combinations.
    """
    parameters = {"periods": list(period_ids), "meter": meter_id, "since": since, "until": until}
    parameters |= {"zone": zone.key, "limit": MAX_ROWS + 1}
    rows = sql.fetch_rows(_PARTS.format(day=_DAY if by_day else "NULL::date"), parameters)
    if len(rows) > MAX_ROWS:
        raise TooManyParts
    return [UsagePart(period, day, json.loads(dimensions), units) for period, day, dimensions, units in rows]


def has_cost_by_part(feature: FeatureUsage) -> bool:
    """Return whether the cost is that of the whole period; a window that resets within it has only its own."""
    return feature.rating is not None and feature.terms.resets is None


def weigh_parts(feature: FeatureUsage, parts: Sequence[UsagePart]) -> list[Fraction]:
    """Return the exact, unrounded cost of each part; by quantity alone where no rate gives it an amount."""
    quantities = [Fraction(max(part.quantity, ZERO)) for part in parts]
    price, rating = feature.terms.price, feature.rating
    if price is None or rating is None or feature.drawn is not None:
        return quantities
    amounts = {line.rate_key: Fraction(line.amount) for line in rating.lines}
    rates = [match_rate(price.rates, part.dimensions) for part in parts]
    keys = [None if rate is None else rate.key for rate in rates]
    used: dict[int | str | None, Fraction] = defaultdict(Fraction)
    for key, quantity in zip(keys, quantities, strict=True):
        used[key] += quantity
    weights = [
        amounts.get(key, Fraction(0)) * quantity / used[key] if key is not None and used[key] else Fraction(0)
        for key, quantity in zip(keys, quantities, strict=True)
    ]
    # A minimum, or the fee of a tier, is due for all usage together.
    return weights if any(weights) else quantities


def split_cost(cost: Decimal, currency: str, weights: Iterable[Fraction]) -> tuple[Decimal, ...]:
    """Return the cost in parts that sum to it exactly (largest remainder), in whole minor units where it has them."""
    parts = [max(weight, Fraction(0)) for weight in weights]
    if not any(parts):
        return tuple(ZERO for _ in parts)
    unit = CENT if currency == CREDITS else MINOR_UNITS[currency]
    exponent = cost.normalize().as_tuple().exponent  # finer than the unit where a wallet pays
    return allocate(cost, parts, min(unit, Decimal(1).scaleb(int(exponent))))
