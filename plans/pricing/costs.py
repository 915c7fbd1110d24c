"""What a unit costs us: by dimension, from one moment to the next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from plans.pricing.rates import match_rate


@dataclass(frozen=True, slots=True)
class UnitCost:
    """
    What a unit of usage costs whose dimensions match, from `since` until just before `until`; None = no end.

    match: as a rate's. cost: in the major unit of its currency, zero or more, at most 12 decimal places.
    """

    match: tuple[tuple[str, str], ...]
    cost: Decimal
    since: datetime
    until: datetime | None = None

    def is_in_force(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def cost_of(costs: Iterable[UnitCost], dimensions: Mapping[str, str], at: datetime) -> UnitCost | None:
    """
    Return the most specific unit cost in force at a moment, or None if there is none: the usage is unbilled then.

    Source: docs/pricing.md#unit-costs.
    """
    return match_rate((one for one in costs if one.is_in_force(at)), dimensions)
