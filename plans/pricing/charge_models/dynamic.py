"""The events' own prices or costs, with a markup."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from lib.decimals import EXACT, MAX_QUANTITY, ZERO
from plans.pricing.rate_usage import RateUsage, UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import InvalidCharge, InvalidQuantity

# A factor, not a percentage, with as many places as a unit price has.
MAX_MARKUP = Decimal(1000)
MAX_MARKUP_PLACES = 12


@dataclass(frozen=True, slots=True)
class Dynamic:
    """
    carried × markup.

    markup: multiplies the carried price or cost, 0 to 1,000, with at most 12 decimal places: 1.2 adds a fifth, 1
    passes it through.
    source: the origin of the carried amount: "event" for the price on each event, "unit_cost" for its units at the
    unit cost of its time.

    Source: docs/pricing.md#dynamic.
    """

    markup: Decimal = Decimal(1)
    source: Literal["event", "unit_cost"] = "event"
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[UsageDetail] = "carried"

    def __post_init__(self) -> None:
        is_number = isinstance(self.markup, Decimal) and self.markup.is_finite()
        if not is_number or not 0 <= self.markup <= MAX_MARKUP:
            raise InvalidCharge(f"A markup is a factor from 0 to {MAX_MARKUP:,}, not {self.markup}.")
        if -int(self.markup.normalize(EXACT).as_tuple().exponent) > MAX_MARKUP_PLACES:
            raise InvalidCharge(f"A markup may have at most {MAX_MARKUP_PLACES} decimal places: {self.markup:f}.")

    def rate(self, usage: RateUsage) -> tuple[RatingPart, ...]:
        """
        Return one part whose units are the carried amount, or none if it is zero or less.

        :raises InvalidQuantity: if the sum is not finite or above 10⁵⁰.
        """
        if not usage.carried.is_finite() or usage.carried > MAX_QUANTITY:
            raise InvalidQuantity(f"Only carried prices up to 10⁵⁰ can be charged, not {usage.carried}.")
        if usage.carried <= 0:
            return ()
        return (price_units(ZERO, None, usage.carried, self.markup),)
