"""Units sold in packages of one size."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from lib.decimals import EXACT, ZERO, whole_steps
from plans.pricing.rate_usage import UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import InvalidCharge, check_price, check_quantity, check_units

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Package:
    """
    ⌈q ÷ size⌉ × price: a package that is started is charged in full.

    rounding: "down" charges full packages only, ⌊q ÷ size⌋ × price.

    Source: docs/pricing.md#package.
    """

    size: Decimal
    price: Decimal
    rounding: Literal["up", "down"] = "up"
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[UsageDetail] = "quantity"

    def __post_init__(self) -> None:
        check_units(self.size, subject="The package size")
        check_price(self.price, subject="The package price")
        if self.rounding not in ("up", "down"):
            raise InvalidCharge(f"Packages are rounded 'up' or 'down', not {self.rounding!r}.")

    def rate(self, quantity: Decimal) -> tuple[RatingPart, ...]:
        """
        Return one part, or none where no package is due.

        The part's units are packages; its end is the quantity at which the last package is used up.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        packages, remainder = whole_steps(quantity, self.size)
        if remainder and self.rounding == "up":
            packages = EXACT.add(packages, ONE)
        if not packages:
            return ()
        return (price_units(ZERO, EXACT.multiply(packages, self.size), packages, self.price),)
