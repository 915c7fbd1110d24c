"""All units at the price of the tier that the quantity falls in."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import EXACT, ZERO
from plans.pricing.rate_usage import Reads
from plans.pricing.rating_parts import Part, priced
from plans.pricing.tiers import Tier, check_ladder
from plans.pricing.validation import check_quantity


@dataclass(frozen=True, slots=True)
class Volume:
    """
    All units at the price of the tier that the quantity falls in, plus that tier's flat fee.

    Source: docs/pricing.md#volume, docs/pricing.md#climbing-on.
    """

    tiers: tuple[Tier, ...]
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[Reads] = "quantity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_ladder(self.tiers)

    def rate(self, quantity: Decimal, *, climbed: Decimal = ZERO) -> tuple[Part, ...]:
        """
        Return one part with the bounds of the tier reached, or none for no usage.

        climbed: units that were on the ladder before, charged elsewhere: they count for the tier that is reached, and
            its flat fee is not due again if they had reached it.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        if not quantity:
            return ()
        start, top = ZERO, EXACT.add(climbed, quantity)
        for tier in self.tiers:
            if tier.up_to is None or top <= tier.up_to:
                break
            start = tier.up_to
        fee = ZERO if climbed > start else tier.flat_fee
        return (priced(start, tier.up_to, quantity, tier.unit_price, fee),)
