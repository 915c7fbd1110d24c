"""How much of what usage may come to is spent: read beside the usage, from what finance and the customer have set."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import msgspec

from plans.pricing.exact import EXACT, ZERO

CAPS = """
coalesce((
    SELECT json_agg(json_build_array(sc.feature_id, sc.amount::text, sc.action, sc.per_minute, sc.set_by)
        ORDER BY sc.feature_id NULLS FIRST, sc.set_by DESC)
    FROM billing_spendcap sc WHERE sc.subscription_id = s.id
)::text, '')
"""
"""SQL for the spend caps of a subscription `s`, as text: for all usage first, finance's before the customer's."""


class Cap(msgspec.Struct, frozen=True, array_like=True):
    """A spend cap as it is set; feature_id: None for all usage."""

    feature_id: int | None
    amount: Decimal
    action: str
    per_minute: int | None
    set_by: str


_read = lru_cache(maxsize=10_000)(msgspec.json.Decoder(tuple[Cap, ...]).decode)


class CapUsage(NamedTuple):
    """A cap and what is spent of it in the running period; remaining: never below zero."""

    cap: Cap
    spent: Decimal
    remaining: Decimal


def capped(caps: str, costs: Iterable[tuple[int, Decimal]]) -> Iterator[CapUsage]:
    """
    Yield how far each cap is used up.

    caps: as `CAPS` reads them. costs: (feature, what its usage comes to in the running period) of each metered one.
    """
    spent = dict(costs) if caps else {}
    for cap in _read(caps) if caps else ():
        of_cap = sum(spent.values(), ZERO) if cap.feature_id is None else spent.get(cap.feature_id, ZERO)
        yield CapUsage(cap, of_cap, max(EXACT.subtract(cap.amount, of_cap), ZERO))
