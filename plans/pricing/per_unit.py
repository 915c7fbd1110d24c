"""Every unit at the same price."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import MOST_UNITS, ZERO
from plans.pricing.rate_usage import Reads
from plans.pricing.rating_parts import Part, priced
from plans.pricing.validation import InvalidQuantity, check_price


@dataclass(frozen=True, slots=True)
class PerUnit:
    """
    q × p.

    Source: docs/pricing.md#per_unit.
    """

    unit_price: Decimal
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[Reads] = "quantity"

    def __post_init__(self) -> None:
        check_price(self.unit_price, of="The unit price")

    def rate(self, quantity: Decimal) -> tuple[Part, ...]:
        """
        Return one part, or none for no usage.

        quantity: fractions allowed, and below zero too: units given back are worth what they cost.

        :raises InvalidQuantity: if the quantity is not finite or beyond 10⁵⁰ either way.
        """
        if not quantity:
            return ()
        if not quantity.is_finite() or not -MOST_UNITS <= quantity <= MOST_UNITS:
            raise InvalidQuantity(f"Only a quantity within 10⁵⁰ units can be priced, not {quantity}.")
        return (priced(ZERO, None, quantity, self.unit_price),)
