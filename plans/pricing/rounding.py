"""Rounding of a metered quantity before it is priced."""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

from lib.decimals import DOWN, EXACT, HALF_UP, UP
from plans.pricing.validation import InvalidCharge

Mode = Literal["none", "up", "down", "half_up"]

_CONTEXTS: dict[str, Context] = {"up": UP, "down": DOWN, "half_up": HALF_UP}

ONE = Decimal(1)

# No quantity has more decimal places than an event's number (`json_numbers.MAX_DIGITS`).
MAX_PLACES = 38
# Down to trillions.
MIN_PLACES = -12


@dataclass(frozen=True, slots=True)
class Rounding:
    """
    A meter's rounding of its aggregate: up (away from zero), down (toward zero) or half up, to n decimal places.

    places: -12 to 38; -2 rounds to whole hundreds. Rounding is symmetric around zero, so that a correction subtracts
    the amount that the usage added.

    Source: docs/pricing.md#rounding-a-quantity.
    """

    mode: Mode
    places: int = 0

    def __post_init__(self) -> None:
        if self.mode != "none" and self.mode not in _CONTEXTS:
            raise InvalidCharge(f"A quantity is rounded none, up, down or half_up, not {self.mode!r}.")
        if not MIN_PLACES <= self.places <= MAX_PLACES:
            raise InvalidCharge(f"A quantity is rounded to {MIN_PLACES} to {MAX_PLACES} places, not {self.places}.")

    def apply(self, quantity: Decimal) -> Decimal:
        """Return the quantity rounded; a quantity within the decimal places is returned unchanged."""
        if self.mode == "none":
            return quantity
        rounded = quantity.quantize(Decimal((0, (1,), -self.places)), context=_CONTEXTS[self.mode])
        if rounded == quantity:
            return quantity
        # Hundreds are written as 300, not as 3E+2.
        return EXACT.quantize(rounded, ONE) if self.places < 0 else rounded
