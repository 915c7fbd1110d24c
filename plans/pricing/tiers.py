"""The ladder that graduated and volume prices climb."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from lib.decimals import ZERO
from plans.pricing.validation import InvalidCharge, check_price, check_units


@dataclass(frozen=True, slots=True)
class Tier:
    """
    A step of the ladder: above the bound of the tier before it, up to and including its own.

    up_to: the upper bound in billable units; None for the last tier, which is open.
    flat_fee: due once when the tier is entered (graduated) or fallen into (volume).
    """

    up_to: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal = ZERO


def check_ladder(tiers: Sequence[Tier]) -> None:
    """
    Check that the tiers cover every quantity above zero exactly once.

    :raises InvalidCharge: if there is none, one does not start where the one before it ends, the last one is
        not open, or a price in it is wrong.

    Source: docs/pricing.md#tiers.
    """
    if not tiers:
        raise InvalidCharge("A tiered price needs at least one tier; the last one has no upper bound.")
    start = ZERO
    for number, tier in enumerate(tiers, start=1):
        check_price(tier.unit_price, of=f"Tier {number}'s unit price")
        check_price(tier.flat_fee, of=f"Tier {number}'s flat fee")
        if number == len(tiers):
            _check_open(number, tier)
        else:
            start = _check_bound(number, tier, start)


def _check_open(number: int, tier: Tier) -> None:
    if tier.up_to is not None:
        raise InvalidCharge(
            f"The last tier must be open, so that every quantity has a price: leave the upper bound of"
            f" tier {number} empty; it is {tier.up_to}."
        )


def _check_bound(number: int, tier: Tier, start: Decimal) -> Decimal:
    if tier.up_to is None:
        raise InvalidCharge(
            f"Tier {number} has no upper bound, so tier {number + 1} could never be reached:"
            " only the last tier is open."
        )
    check_units(tier.up_to, of=f"Tier {number}'s upper bound")
    if tier.up_to <= start:
        raise InvalidCharge(
            f"Tier {number} must start where tier {number - 1} ends ({start:f}) and end above it;"
            f" it ends at {tier.up_to:f}."
        )
    return tier.up_to
