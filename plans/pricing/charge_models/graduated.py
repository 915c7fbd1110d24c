"""Each unit at its own tier's price."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import EXACT, ZERO
from plans.pricing.charge_models.tiers import PriceTier, check_tiers, discount_tiers
from plans.pricing.rate_usage import UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import check_quantity


@dataclass(frozen=True, slots=True)
class Graduated:
    """
    Each unit at the price of the tier it falls in, plus a tier's flat fee once it is entered.

    Source: docs/pricing.md#graduated, docs/pricing.md#tiers-after-a-plan-change.
    """

    tiers: tuple[PriceTier, ...]
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[UsageDetail] = "quantity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_tiers(self.tiers)

    def discounted(self, percent: Decimal) -> "Graduated":
        """Return the charge with a percentage off its unit prices."""
        return Graduated(discount_tiers(self.tiers, percent))

    def rate(self, quantity: Decimal, *, prior_units: Decimal = ZERO) -> tuple[RatingPart, ...]:
        """
        Return one part per tier entered, and none for zero usage, which costs nothing.

        prior_units: units that entered the tiers before and were charged elsewhere. The quantity continues after
        them, and the flat fees of tiers that they entered are not due again.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        parts = []
        start, top = ZERO, EXACT.add(prior_units, quantity)
        for tier in self.tiers:
            if top <= start:
                break
            end = tier.up_to
            reached = top if end is None or top < end else end
            if reached > prior_units:
                fee = tier.flat_fee if start >= prior_units else ZERO
                prior_in_tier = max(EXACT.subtract(prior_units, start), ZERO)
                start = max(start, prior_units)
                part = price_units(start, end, EXACT.subtract(reached, start), tier.unit_price, fee)
                parts.append(tier.limit(part, prior_units=prior_in_tier))
            start = reached
        return tuple(parts)
