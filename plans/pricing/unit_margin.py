"""The margin of a unit: its price less its cost."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import ZERO
from lib.money import round_to
from plans.pricing.charge_models import Charge, Dynamic, Graduated, Package, PerUnit, Volume
from plans.pricing.cost_rates import charges_unit_cost

PLACES = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of a unit above a number of units in a period; tier fees, minimum and maximum are ignored."""

    above_units: Decimal
    price: Fraction


def unit_prices(charge: Charge, cost: Decimal) -> tuple[UnitPrice, ...]:
    """
    Return the unit price of each tier; empty where no price is per unit (a flat fee, a percentage).

    cost: cost of the unit, on which a dynamic price may be based. A package counts as fully used.

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
    if isinstance(charge, Dynamic) and charges_unit_cost(charge):
        return (UnitPrice(ZERO, Fraction(charge.markup) * Fraction(cost)),)
    return ()


def margin_percent(price: Fraction, cost: Decimal) -> Decimal | None:
    """
    Return the margin as a percentage of the price, rounded to a tenth; None if the price is zero.

    Source: docs/pricing.md#margins.
    """
    if not price:
        return None
    return round_to((price - Fraction(cost)) / price * 100, PLACES)
