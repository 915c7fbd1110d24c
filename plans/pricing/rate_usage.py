"""Usage at one rate, for charges that depend on more than a quantity."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Self

from lib.decimals import ZERO

UsageDetail = Literal["quantity", "events", "values", "carried"]
"""
The detail of usage that a charge depends on: the quantity alone; also the number of events; the value of each event;
or the sum of the prices that the events carry.
"""


@dataclass(frozen=True, slots=True)
class RateUsage:
    """
    A period's usage at one rate.

    quantity: the meter's aggregate.
    events: number of events, zero or more.
    values: the value of each event in order of time, then source, then key; None where no charge depends on them.
    carried: the sum of the events' costs, in the currency's major unit: their own prices, or their units at the unit
    cost of their time.
    """

    quantity: Decimal
    events: int = 0
    values: tuple[Decimal, ...] | None = None
    carried: Decimal = ZERO

    @classmethod
    def from_one_event(cls, quantity: Decimal) -> Self:
        """Return the usage of a single event whose price equals its quantity: for examples and previews."""
        return cls(quantity, 1, (quantity,), quantity)
