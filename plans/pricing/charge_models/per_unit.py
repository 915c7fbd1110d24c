"""Every unit at the same price."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import MAX_QUANTITY, ZERO
from plans.pricing.rate_usage import UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import InvalidQuantity, check_price


@dataclass(frozen=True, slots=True)
class PerUnit:
    """
    q × p.

    Source: docs/pricing.md#per_unit.
    """

    unit_price: Decimal
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[UsageDetail] = "quantity"

    def __post_init__(self) -> None:
        check_price(self.unit_price, subject="The unit price")

    def rate(self, quantity: Decimal) -> tuple[RatingPart, ...]:
        """
        Return one part, or none for no usage.

        quantity: may be fractional or below zero: returned units are credited at the same price.

        :raises InvalidQuantity: if the quantity is not finite or beyond 10⁵⁰ on either side of zero.
        """
        if not quantity:
            return ()
        if not quantity.is_finite() or not -MAX_QUANTITY <= quantity <= MAX_QUANTITY:
            raise InvalidQuantity(f"Only a quantity within 10⁵⁰ units can be priced, not {quantity}.")
        return (price_units(ZERO, None, quantity, self.unit_price),)
