"""Units sold in packages of one size."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from lib.decimals import EXACT, ZERO, whole_steps
from plans.pricing.rate_usage import Reads
from plans.pricing.rating_parts import Part, priced
from plans.pricing.validation import InvalidCharge, check_price, check_quantity, check_units

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Package:
    """
    ⌈q ÷ size⌉ × price: a started package is due whole.

    rounding: "down" charges full packages only, ⌊q ÷ size⌋ × price.

    Source: docs/pricing.md#package.
    """

    size: Decimal
    price: Decimal
    rounding: Literal["up", "down"] = "up"
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[Reads] = "quantity"

    def __post_init__(self) -> None:
        check_units(self.size, of="The package size")
        check_price(self.price, of="The package price")
        if self.rounding not in ("up", "down"):
            raise InvalidCharge(f"Packages are rounded 'up' or 'down', not {self.rounding!r}.")

    def rate(self, quantity: Decimal) -> tuple[Part, ...]:
        """
        Return one part, or none where no package is due.

        The part's units are packages, and it ends where the last of them is used up.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        packages, rest = whole_steps(quantity, self.size)
        if rest and self.rounding == "up":
            packages = EXACT.add(packages, ONE)
        if not packages:
            return ()
        return (priced(ZERO, EXACT.multiply(packages, self.size), packages, self.price),)
