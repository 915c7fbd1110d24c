"""Each unit at its own tier's price."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import EXACT, ZERO
from plans.pricing.rate_usage import Reads
from plans.pricing.rating_parts import Part, priced
from plans.pricing.tiers import Tier, check_ladder
from plans.pricing.validation import check_quantity


@dataclass(frozen=True, slots=True)
class Graduated:
    """
    Each unit at the price of the tier it falls in, plus a tier's flat fee once it is entered.

    Source: docs/pricing.md#graduated, docs/pricing.md#climbing-on.
    """

    tiers: tuple[Tier, ...]
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[Reads] = "quantity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_ladder(self.tiers)

    def rate(self, quantity: Decimal, *, climbed: Decimal = ZERO) -> tuple[Part, ...]:
        """
        Return one part per tier entered, so none for no usage: zero usage costs nothing.

        climbed: units that were on the ladder before, charged elsewhere; the quantity goes on from there, and the
            flat fees of tiers that were entered then are not due again.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        parts = []
        start, top = ZERO, EXACT.add(climbed, quantity)
        for tier in self.tiers:
            if top <= start:
                break
            end = tier.up_to
            reached = top if end is None or top < end else end
            if reached > climbed:
                fee = tier.flat_fee if start >= climbed else ZERO
                start = max(start, climbed)
                parts.append(priced(start, end, EXACT.subtract(reached, start), tier.unit_price, fee))
            start = reached
        return tuple(parts)
