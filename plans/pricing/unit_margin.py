"""What is left of a price once a unit's cost is paid."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import ZERO
from lib.money import round_to
from plans.pricing.charge_models import Charge, Dynamic, Graduated, Package, PerUnit, Volume
from plans.pricing.cost_rates import charges_cost

PLACES = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What a unit brings in above so many units of a period; fees per tier, minimum and maximum left aside."""

    above: Decimal
    price: Fraction


def unit_prices(charge: Charge, cost: Decimal) -> tuple[UnitPrice, ...]:
    """
    Return what a unit brings in, tier by tier; nothing where no price is per unit (a flat fee, a percentage).

    cost: what the unit costs, which a dynamic price may be made of. A package is taken as used up whole.

    Source: docs/pricing.md#margins.
    """
    if isinstance(charge, PerUnit):
        return (UnitPrice(ZERO, Fraction(charge.unit_price)),)
    if isinstance(charge, Package):
        return (UnitPrice(ZERO, Fraction(charge.price) / Fraction(charge.size)),)
    if isinstance(charge, Graduated | Volume):
        starts = [ZERO, *(tier.up_to for tier in charge.tiers if tier.up_to is not None)]
        return tuple(
            UnitPrice(start, Fraction(tier.unit_price)) for start, tier in zip(starts, charge.tiers, strict=True)
        )
    if isinstance(charge, Dynamic) and charges_cost(charge):
        return (UnitPrice(ZERO, Fraction(charge.markup) * Fraction(cost)),)
    return ()


def margin(price: Fraction, cost: Decimal) -> Decimal | None:
    """
    Return the share of a price that its cost leaves, in percent, rounded to a tenth; None where nothing is charged.

    Source: docs/pricing.md#margins.
    """
    if not price:
        return None
    return round_to((price - Fraction(cost)) / price * 100, PLACES)
