"""A fee that usage does not move."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import ZERO
from plans.pricing.rate_usage import Reads
from plans.pricing.rating_parts import Part, priced
from plans.pricing.validation import check_price, check_quantity


@dataclass(frozen=True, slots=True)
class Flat:
    """
    The fee, once per period, whatever was used.

    Source: docs/pricing.md#flat.
    """

    fee: Decimal
    due_without_usage: ClassVar[bool] = True
    reads: ClassVar[Reads] = "quantity"

    def __post_init__(self) -> None:
        check_price(self.fee, of="The fee")

    def rate(self, quantity: Decimal) -> tuple[Part, ...]:
        """
        Return the fee as one part; the units are told but cost nothing.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        return (priced(ZERO, None, quantity, ZERO, self.fee),)
