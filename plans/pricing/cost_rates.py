"""What a unit costs us: by dimension, from one moment to the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from plans.pricing.charge_models import Charge, Dynamic


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


def charges_cost(charge: Charge) -> bool:
    """Tell whether a charge is made of what units cost."""
    return isinstance(charge, Dynamic) and charge.source == "unit_cost"


def matching(costs: Iterable[UnitCost], dimensions: Mapping[str, str]) -> tuple[UnitCost, ...]:
    """Return the costs that usage of these dimensions may have, the most specific first, else as listed."""
    found = [one for one in costs if all(dimensions.get(name) == value for name, value in one.match)]
    return tuple(sorted(found, key=lambda one: -len(one.match)))


def in_force(costs: Sequence[UnitCost], at: datetime) -> UnitCost | None:
    """Return the first of these costs that is in force at a moment, or None if there is none."""
    return next((one for one in costs if one.is_in_force(at)), None)


def cost_of(costs: Iterable[UnitCost], dimensions: Mapping[str, str], at: datetime) -> UnitCost | None:
    """
    Return the most specific unit cost in force at a moment, or None if there is none: the usage is unmatched then.

    Source: docs/pricing.md#unit-costs.
    """
    return in_force(matching(costs, dimensions), at)
