"""Spend caps and how much of them is spent, read together with the usage."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lib import prepared_statements
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money
from plans.pricing.price_splits import listed_key
from plans.pricing.rating import RatedLine, match_rate

if TYPE_CHECKING:  # a cycle: current usage reads caps
    from billing.metering.usage.current_usage import FeatureUsage, PeriodUsage

CAPS = """
coalesce((
    SELECT json_agg(json_build_array(sc.id, sc.subscription_id IS NULL, sc.feature_id, sc.match, sc.amount::text,
        sc.currency, sc.action, sc.per_minute, sc.set_by, sc.throttles_from)
        ORDER BY sc.subscription_id NULLS FIRST, sc.feature_id NULLS FIRST, sc.match::text, sc.set_by DESC)
    FROM billing_spendcap sc
    WHERE sc.subscription_id = s.id OR sc.customer_id = cu.id AND sc.currency = s.currency
)::text, '')
"""
"""
SQL for the spend caps of a subscription `s` and of its customer `cu`, as text. Order: the customer's first, those for
all usage first, finance's before the customer's own.
"""


class Cap(msgspec.Struct, frozen=True, array_like=True):
    """
    A spend cap.

    is_of_customer: whether it covers all subscriptions of the customer in its currency.
    feature_id: None for all usage.
    match: the dimension value that it is a budget of; empty for all values.
    throttles_from: percentage of the amount from which it throttles.
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
    throttles_from: int = 100

    @property
    def starts_at_amount(self) -> Decimal:
        """The spend from which the cap acts: its amount, or the share of it from which it throttles."""
        return EXACT.multiply(self.amount, Decimal(self.throttles_from).scaleb(-2))

    def applies_to(self, feature_id: int) -> bool:
        """Return whether usage of a feature counts toward the cap."""
        return self.feature_id in (None, feature_id)


_read = lru_cache(maxsize=10_000)(msgspec.json.Decoder(tuple[Cap, ...]).decode)


class CapUsage(NamedTuple):
    """A cap and the amount spent of it in the running period. remaining: never below zero."""

    cap: Cap
    spent: Decimal
    remaining: Decimal


def read_caps(caps: str) -> Sequence[Cap]:
    """Return the caps from the text that `CAPS` selects."""
    return _read(caps) if caps else ()


def read_cap_usage(caps: Mapping[int, str], periods: Sequence["PeriodUsage"]) -> dict[int, tuple[CapUsage, ...]]:
    """
    Return the usage of each cap, by period.

    caps: period → text that `CAPS` selects.
    periods: all running periods of one customer.

    A budget for one dimension value has spent that value's share of each rate's amount, in proportion to its
    quantity. Only features whose quantity is a count or a sum have such shares.
    """
    return compute_cap_usage({period_id: read_caps(text) for period_id, text in caps.items() if text}, periods)


def compute_cap_usage(
    caps_by_period: Mapping[int, Sequence[Cap]], periods: Sequence["PeriodUsage"]
) -> dict[int, tuple[CapUsage, ...]]:
    """Return the usage of each cap, by period. Caps with the same id are one cap, on however many periods."""
    if not caps_by_period:
        return {}
    shares = _read_shares([period for period in periods if period.period_id in caps_by_period], caps_by_period)
    spent: dict[int, Decimal] = {}
    for period in periods:
        for cap in caps_by_period.get(period.period_id, ()):
            period_spent = _compute_spent(period, cap, shares)
            spent[cap.id] = EXACT.add(spent.get(cap.id, ZERO), period_spent)
    return {
        period_id: tuple(_cap_usage(cap, spent[cap.id]) for cap in period_caps)
        for period_id, period_caps in caps_by_period.items()
    }


def _cap_usage(cap: Cap, spent: Decimal) -> CapUsage:
    return CapUsage(cap, spent, max(EXACT.subtract(cap.amount, spent), ZERO))


def _compute_spent(period: "PeriodUsage", cap: Cap, shares: "ValueShares") -> Decimal:
    features = [feature for feature in period.features if cap.applies_to(feature.terms.feature_id)]
    if not cap.match:
        return sum((feature.cost for feature in features), ZERO)
    parts = [_share_amount(period, feature, cap, shares) for feature in features]
    return round_money(sum(parts, Fraction(0)), cap.currency)


def _share_amount(period: "PeriodUsage", feature: "FeatureUsage", cap: Cap, shares: "ValueShares") -> Fraction:
    """Return the amount of one dimension value's share of a feature, unrounded."""
    # Usage that wallets pay is not invoiced, so it spends no cap.
    if feature.rating is None or feature.terms.price is None or feature.terms.wallet:
        return Fraction(0)
    price = feature.terms.price
    # A cap on another dimension covers its share of all values that a price is split into.
    covers_values = price.split is not None and price.split.path not in cap.match
    rates = [rate for rate in price.rates if not rate.position] if covers_values else price.rates
    lines: dict[int | str, list[RatedLine]] = {}
    for line in feature.rating.lines:
        lines.setdefault(listed_key(int(line.rate_key)) if covers_values else line.rate_key, []).append(line)
    total = Fraction(0)
    for dimensions, quantity in shares.get((cap.id, period.period_id, feature.terms.meter_id), ()):
        rate = match_rate(rates, dimensions)
        rate_lines = [] if rate is None else lines.get(rate.key, [])
        # A Fraction keeps the share exact until it is rounded with the others.
        if rate_quantity := exact_sum(line.quantity for line in rate_lines):
            amount = exact_sum(line.amount for line in rate_lines)
            total += Fraction(amount) * Fraction(quantity) / Fraction(rate_quantity)
    return total


ValueShares = dict[tuple[int, int, int], list[tuple[dict[str, str], Decimal]]]
"""(cap, period, meter) → the dimensions of each series that the cap covers, and its quantity in its usage window."""

# A window may start within an hour; that hour counts as a whole.
_SERIES = """
SELECT w.cap, w.period, w.meter, s.dimensions::text, sum(h.quantity)
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[])
    AS w(cap, period, meter, since, match)
JOIN billing_series s ON s.period_id = w.period AND s.meter_id = w.meter AND s.dimensions @> w.match::jsonb
JOIN billing_hourlyusage h ON h.series_id = s.id AND h.bucket > w.since - interval '1 hour'
GROUP BY 1, 2, 3, 4
"""
_decode_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def _read_shares(periods: Iterable["PeriodUsage"], caps: Mapping[int, Sequence[Cap]]) -> ValueShares:
    selections: list[tuple[int, int, int, datetime, str]] = [
        (
            cap.id,
            period.period_id,
            feature.terms.meter_id,
            feature.window_start,
            msgspec.json.encode(cap.match).decode(),
        )
        for period in periods
        for cap in caps[period.period_id]
        if cap.match
        for feature in period.features
        if cap.applies_to(feature.terms.feature_id) and not feature.terms.metering.needs_aggregate_state
    ]
    if not selections:
        return {}
    shares: ValueShares = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SERIES, [list(column) for column in zip(*selections, strict=True)])
        for cap_id, period_id, meter_id, dimensions, quantity in cursor.fetchall():
            shares.setdefault((cap_id, period_id, meter_id), []).append((_decode_dimensions(dimensions), quantity))
    return shares
