"""Rounding of a metered quantity before it is priced."""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

from lib.decimals import DOWN, HALF_UP, UP
from plans.pricing.validation import InvalidCharge

Mode = Literal["none", "up", "down", "half_up"]

_CONTEXTS: dict[str, Context] = {"up": UP, "down": DOWN, "half_up": HALF_UP}

# No quantity has more decimal places than an event's number (`json_numbers.MAX_DIGITS`).
MAX_PLACES = 38


@dataclass(frozen=True, slots=True)
class Rounding:
    """
    A meter's rounding of its aggregate: up (away from zero), down (toward zero) or half up, to n decimal places.

    places: 0 to 38. Rounding is symmetric around zero, so that a correction subtracts the amount that the usage
    added.

    Source: docs/pricing.md#rounding-a-quantity.
    """

    mode: Mode
    places: int = 0

    def __post_init__(self) -> None:
        if self.mode != "none" and self.mode not in _CONTEXTS:
            raise InvalidCharge(f"A quantity is rounded none, up, down or half_up, not {self.mode!r}.")
        if not 0 <= self.places <= MAX_PLACES:
            raise InvalidCharge(f"A quantity is rounded to 0 to {MAX_PLACES} places, not {self.places}.")

    def apply(self, quantity: Decimal) -> Decimal:
        """Return the quantity rounded; a quantity within the decimal places is returned unchanged."""
        if self.mode == "none":
            return quantity
        rounded = quantity.quantize(Decimal((0, (1,), -self.places)), context=_CONTEXTS[self.mode])
        return quantity if rounded == quantity else rounded
