"""Unit costs by dimension and time: the seller's own cost of usage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from plans.pricing.charge_models import Charge, Dynamic


@dataclass(frozen=True, slots=True)
class CostRate:
    """
    The cost of a unit of usage whose dimensions match, in force from `since` until just before `until`; None = no
    end.

    match: as in a rate. cost: in the major unit of its currency, zero or more, at most 12 decimal places.
    """

    match: tuple[tuple[str, str], ...]
    cost: Decimal
    since: datetime
    until: datetime | None = None

    def is_in_force(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def charges_unit_cost(charge: Charge) -> bool:
    """Return whether a charge is based on unit costs."""
    return isinstance(charge, Dynamic) and charge.source == "unit_cost"


def matching_costs(costs: Iterable[CostRate], dimensions: Mapping[str, str]) -> tuple[CostRate, ...]:
    """Return the costs that match these dimensions, most specific first, then as listed."""
    matches = [cost for cost in costs if all(dimensions.get(name) == value for name, value in cost.match)]
    return tuple(sorted(matches, key=lambda cost: -len(cost.match)))


def find_in_force(costs: Sequence[CostRate], at: datetime) -> CostRate | None:
    """Return the first of these costs that is in force at a time, or None."""
    return next((cost for cost in costs if cost.is_in_force(at)), None)


def find_cost(costs: Iterable[CostRate], dimensions: Mapping[str, str], at: datetime) -> CostRate | None:
    """
    Return the most specific unit cost in force at a time, or None: the usage is then unmatched.

    Source: docs/pricing.md#unit-costs.
    """
    return find_in_force(matching_costs(costs, dimensions), at)
