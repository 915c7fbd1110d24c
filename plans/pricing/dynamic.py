"""What the events themselves cost, with a markup."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from lib.decimals import EXACT, MOST_UNITS, ZERO
from plans.pricing.rate_usage import Reads, Usage
from plans.pricing.rating_parts import Part, priced
from plans.pricing.validation import InvalidCharge, InvalidQuantity

MOST_MARKUP = Decimal(1000)
MOST_MARKUP_PLACES = 12


@dataclass(frozen=True, slots=True)
class Dynamic:
    """
    carried × markup.

    markup: what the carried price or cost is multiplied by, 0 to 1,000, with at most 12 decimal places: 1.2 adds a
        fifth, 1 passes it through.
    source: whose cost is carried: the price on each event, or its units at the unit cost of its time.

    Source: docs/pricing.md#dynamic.
    """

    markup: Decimal = Decimal(1)
    source: Literal["event", "unit_cost"] = "event"
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[Reads] = "carried"

    def __post_init__(self) -> None:
        is_number = isinstance(self.markup, Decimal) and self.markup.is_finite()
        if not is_number or not 0 <= self.markup <= MOST_MARKUP:
            raise InvalidCharge(f"A markup is a factor from 0 to {MOST_MARKUP:,}, not {self.markup}.")
        if -int(self.markup.normalize(EXACT).as_tuple().exponent) > MOST_MARKUP_PLACES:
            raise InvalidCharge(f"A markup may have at most {MOST_MARKUP_PLACES} decimal places: {self.markup:f}.")

    def rate(self, usage: Usage) -> tuple[Part, ...]:
        """
        Return one part whose units are what was carried, or none where nothing was, or less than nothing.

        :raises InvalidQuantity: if the sum is not finite or beyond 10⁵⁰.
        """
        if not usage.carried.is_finite() or usage.carried > MOST_UNITS:
            raise InvalidQuantity(f"Only carried prices up to 10⁵⁰ can be charged, not {usage.carried}.")
        if usage.carried <= 0:
            return ()
        return (priced(ZERO, None, usage.carried, self.markup),)
