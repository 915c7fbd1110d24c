"""A fee that does not depend on usage."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import ZERO
from plans.pricing.rate_usage import UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import check_price, check_quantity


@dataclass(frozen=True, slots=True)
class Flat:
    """
    A fee due once per period, with or without usage.

    Source: docs/pricing.md#flat.
    """

    fee: Decimal
    due_without_usage: ClassVar[bool] = True
    reads: ClassVar[UsageDetail] = "quantity"

    def __post_init__(self) -> None:
        check_price(self.fee, subject="The fee")

    def rate(self, quantity: Decimal) -> tuple[RatingPart, ...]:
        """
        Return the fee as one part; the part states the units, which cost nothing.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        return (price_units(ZERO, None, quantity, ZERO, self.fee),)
