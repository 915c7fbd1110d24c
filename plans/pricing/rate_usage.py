"""What was used at one rate, for charges that look at more than a quantity."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Self

from lib.decimals import ZERO

Reads = Literal["quantity", "events", "values", "carried"]
"""
What a charge looks at: the quantity alone; how many events it comes from as well; the value of each event; or the
sum of the prices that the events carried.
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """
    A period's usage at one rate.

    quantity: the meter's aggregate.
    events: how many events it comes from, zero or more.
    values: the value of each event in order of time, ties by source, then key; None where no charge looks at them.
    carried: the sum of what the events themselves cost, in the currency's major unit: their own prices, or their
        units at the unit cost of their time.
    """

    quantity: Decimal
    events: int = 0
    values: tuple[Decimal, ...] | None = None
    carried: Decimal = ZERO

    @classmethod
    def of_one_event(cls, quantity: Decimal) -> Self:
        """Return a quantity as one event brings it, which costs as much as it is worth: for examples and previews."""
        return cls(quantity, 1, (quantity,), quantity)
