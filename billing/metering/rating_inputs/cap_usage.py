"""How much of what usage may come to is spent: read beside the usage, from what finance and the customer have set."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.pricing.rating import match_rate

if TYPE_CHECKING:  # it is what reads caps
    from billing.metering.usage.current_usage import FeatureUsage, PeriodUsage

CAPS = """
coalesce((
    SELECT json_agg(json_build_array(sc.id, sc.subscription_id IS NULL, sc.feature_id, sc.match, sc.amount::text,
        sc.currency, sc.action, sc.per_minute, sc.set_by)
        ORDER BY sc.subscription_id NULLS FIRST, sc.feature_id NULLS FIRST, sc.match::text, sc.set_by DESC)
    FROM billing_spendcap sc
    WHERE sc.subscription_id = s.id OR sc.customer_id = cu.id AND sc.currency = s.currency
)::text, '')
"""
"""
SQL for the spend caps of a subscription `s` and of its customer `cu`, as text: the customer's first, for all usage
first, finance's before the customer's own.
"""


class Cap(msgspec.Struct, frozen=True, array_like=True):
    """
    A spend cap as it is set.

    is_of_customer: whether it is for all subscriptions of the customer in its currency. feature_id: None for all
    usage. match: the dimension and its value that it is a budget of; empty for all values.
    """

    id: int
    is_of_customer: bool
    feature_id: int | None
    match: dict[str, str]
    amount: Decimal
    currency: str
    action: str
    per_minute: int | None
    set_by: str

    def applies_to(self, feature_id: int) -> bool:
        """Tell whether use of a feature counts toward it."""
        return self.feature_id in (None, feature_id)


_read = lru_cache(maxsize=10_000)(msgspec.json.Decoder(tuple[Cap, ...]).decode)


class CapUsage(NamedTuple):
    """A cap and what is spent of it in the running period; remaining: never below zero."""

    cap: Cap
    spent: Decimal
    remaining: Decimal


def read_caps(caps: str) -> Sequence[Cap]:
    """Return the caps that `CAPS` has read."""
    return _read(caps) if caps else ()


def read_cap_usage(caps: Mapping[int, str], periods: Sequence["PeriodUsage"]) -> dict[int, tuple[CapUsage, ...]]:
    """
    Return period → how far each cap on it is used up.

    caps: period → as `CAPS` reads them. periods: all running ones of one customer.

    What a budget for one value of a dimension has spent is that value's share of what each rate comes to, in
    proportion to its quantity: of features whose quantity is a count or a sum, since others do not add up from parts.
    """
    return compute_cap_usage({period_id: read_caps(told) for period_id, told in caps.items() if told}, periods)


def compute_cap_usage(
    found: Mapping[int, Sequence[Cap]], periods: Sequence["PeriodUsage"]
) -> dict[int, tuple[CapUsage, ...]]:
    """Return the same of caps by period; those with the same number are one, however many periods they are on."""
    if not found:
        return {}
    shares = _shares([period for period in periods if period.period_id in found], found)
    spent: dict[int, Decimal] = {}
    for period in periods:
        for cap in found.get(period.period_id, ()):
            own = _spent(period, cap, shares)
            spent[cap.id] = EXACT.add(spent.get(cap.id, ZERO), own)
    return {
        period_id: tuple(_usage(cap, spent[cap.id]) for cap in of_period) for period_id, of_period in found.items()
    }


def _usage(cap: Cap, spent: Decimal) -> CapUsage:
    return CapUsage(cap, spent, max(EXACT.subtract(cap.amount, spent), ZERO))


def _spent(period: "PeriodUsage", cap: Cap, shares: "ValueShares") -> Decimal:
    features = [one for one in period.features if cap.applies_to(one.terms.feature_id)]
    if not cap.match:
        return sum((one.cost for one in features), ZERO)
    parts = [_part(period, one, cap, shares) for one in features]
    return round_money(sum(parts, Fraction(0)), cap.currency)


def _part(period: "PeriodUsage", feature: "FeatureUsage", cap: Cap, shares: "ValueShares") -> Fraction:
    """Return what a value's use of a feature comes to, unrounded."""
    if feature.rating is None or feature.terms.price is None or feature.terms.wallet:
        return Fraction(0)
    amounts = {line.rate_key: line for line in feature.rating.lines}
    total = Fraction(0)
    for dimensions, quantity in shares.get((cap.id, period.period_id, feature.terms.meter_id), ()):
        rate = match_rate(feature.terms.price.rates, dimensions)
        line = None if rate is None else amounts.get(rate.key)
        if line is not None and line.quantity:
            total += Fraction(line.amount) * Fraction(quantity) / Fraction(line.quantity)
    return total


ValueShares = dict[tuple[int, int, int], list[tuple[dict[str, str], Decimal]]]
"""(cap, period, meter) → the dimensions of each series that the cap is for, and its quantity in its window of use."""

# A window may begin within an hour, which is told whole.
_SERIES = """
SELECT w.cap, w.period, w.meter, s.dimensions::text, sum(h.quantity)
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[])
    AS w(cap, period, meter, since, match)
JOIN billing_series s ON s.period_id = w.period AND s.meter_id = w.meter AND s.dimensions @> w.match::jsonb
JOIN billing_hourlyusage h ON h.series_id = s.id AND h.bucket > w.since - interval '1 hour'
GROUP BY 1, 2, 3, 4
"""
_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def _shares(periods: Iterable["PeriodUsage"], caps: Mapping[int, Sequence[Cap]]) -> ValueShares:
    wanted: list[tuple[int, int, int, datetime, str]] = [
        (cap.id, period.period_id, one.terms.meter_id, one.window_start, msgspec.json.encode(cap.match).decode())
        for period in periods
        for cap in caps[period.period_id]
        if cap.match
        for one in period.features
        if cap.applies_to(one.terms.feature_id) and not one.terms.metering.needs_aggregate_state
    ]
    if not wanted:
        return {}
    found: ValueShares = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SERIES, [list(column) for column in zip(*wanted, strict=True)])
        for cap_id, period_id, meter_id, dimensions, quantity in cursor.fetchall():
            found.setdefault((cap_id, period_id, meter_id), []).append((_dimensions(dimensions), quantity))
    return found
