"""All units at the price of the tier that the quantity falls in."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import EXACT, ZERO
from plans.pricing.charge_models.tiers import PriceTier, check_tiers, discount_tiers
from plans.pricing.rate_usage import UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import check_quantity


@dataclass(frozen=True, slots=True)
class Volume:
    """
    All units at the price of the tier that the quantity falls in, plus that tier's flat fee.

    Source: docs/pricing.md#volume, docs/pricing.md#tiers-after-a-plan-change.
    """

    tiers: tuple[PriceTier, ...]
    due_without_usage: ClassVar[bool] = False
    reads: ClassVar[UsageDetail] = "quantity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiers", tuple(self.tiers))
        check_tiers(self.tiers)

    def discounted(self, percent: Decimal) -> "Volume":
        """Return the charge with a percentage off its unit prices."""
        return Volume(discount_tiers(self.tiers, percent))

    def rate(self, quantity: Decimal, *, prior_units: Decimal = ZERO) -> tuple[RatingPart, ...]:
        """
        Return one part with the bounds of the tier reached, or none for no usage.

        prior_units: units that entered the tiers before and were charged elsewhere. They count toward the tier that
        is reached; its flat fee is not due again if they had reached it.

        :raises InvalidQuantity: if the quantity is negative or not finite.
        """
        check_quantity(quantity)
        if not quantity:
            return ()
        start, top = ZERO, EXACT.add(prior_units, quantity)
        for tier in self.tiers:
            if tier.up_to is None or top <= tier.up_to:
                break
            start = tier.up_to
        fee = ZERO if prior_units > start else tier.flat_fee
        part = price_units(start, tier.up_to, quantity, tier.unit_price, fee)
        return (tier.limit(part, prior_units=prior_units if prior_units > start else ZERO),)
