"""The tiers of graduated and volume prices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from lib.decimals import EXACT, ZERO
from plans.pricing.commitments import discount_price
from plans.pricing.rating_parts import RatingPart
from plans.pricing.validation import InvalidCharge, check_price, check_units


@dataclass(frozen=True, slots=True)
class PriceTier:
    """
    A range of quantity: above the bound of the previous tier, up to and including its own.

    up_to: the upper bound in billable units; None for the last tier, which is open.
    flat_fee: due once when the tier is entered (graduated) or when the quantity falls into it (volume).
    maximum: the most that the tier costs with its fee; None = no limit.
    """

    up_to: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal = ZERO
    maximum: Decimal | None = None

    def limit(self, part: RatingPart, *, prior_units: Decimal = ZERO) -> RatingPart:
        """
        Return a part with its amount limited to the rest of the tier's maximum; its fee takes up the difference.

        prior_units: units in the tier that were charged before.

        Source: docs/pricing.md#maximum-of-a-tier.
        """
        if self.maximum is None:
            return part
        room = self.maximum
        if prior_units:
            charged = EXACT.add(EXACT.multiply(prior_units, self.unit_price), self.flat_fee)
            room = max(EXACT.subtract(room, charged), ZERO)
        if part.amount <= room:
            return part
        price_of_units = EXACT.multiply(part.units, part.unit_price)
        return replace(part, flat_fee=EXACT.subtract(room, price_of_units), amount=room)


def discount_tiers(tiers: Sequence[PriceTier], percent: Decimal) -> tuple[PriceTier, ...]:
    """Return tiers with a percentage off their unit prices; their fees and maximums stay."""
    return tuple(replace(tier, unit_price=discount_price(tier.unit_price, percent)) for tier in tiers)


def check_tiers(tiers: Sequence[PriceTier]) -> None:
    """
    Check that the tiers cover every quantity above zero exactly once.

    :raises InvalidCharge: if no tier is given, a tier does not start where the previous one ends, the last one is not
    open, or one of their prices is invalid.

    Source: docs/pricing.md#tiers.
    """
    if not tiers:
        raise InvalidCharge("A tiered price needs at least one tier; the last one has no upper bound.")
    start = ZERO
    for number, tier in enumerate(tiers, start=1):
        check_price(tier.unit_price, subject=f"Tier {number}'s unit price")
        check_price(tier.flat_fee, subject=f"Tier {number}'s flat fee")
        if tier.maximum is not None:
            check_price(tier.maximum, subject=f"Tier {number}'s maximum")
        if number == len(tiers):
            _check_last_tier_is_open(number, tier)
        else:
            start = _check_upper_bound(number, tier, start)


def _check_last_tier_is_open(number: int, tier: PriceTier) -> None:
    if tier.up_to is not None:
        raise InvalidCharge(
            f"The last tier must be open, so that every quantity has a price: leave the upper bound of"
            f" tier {number} empty; it is {tier.up_to}."
        )


def _check_upper_bound(number: int, tier: PriceTier, start: Decimal) -> Decimal:
    if tier.up_to is None:
        raise InvalidCharge(
            f"Tier {number} has no upper bound, so tier {number + 1} is never reached; only the last tier may be"
            " open."
        )
    check_units(tier.up_to, subject=f"Tier {number}'s upper bound")
    if tier.up_to <= start:
        raise InvalidCharge(
            f"Tier {number} must start where tier {number - 1} ends ({start:f}) and end above it;"
            f" it ends at {tier.up_to:f}."
        )
    return tier.up_to
