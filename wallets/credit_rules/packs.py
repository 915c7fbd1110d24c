"""
What a credit pack gives for its price: units, a bonus on top, and what each unit was bought for.

Source: docs/wallets.md#bonus.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import ZERO
from lib.money import allocate, round_money
from wallets.credit_rules.units import SMALLEST_STEP, round_units

HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Slab:
    """
    A step of a bonus: what is added from so much on.

    least: units bought, or what they cost net of tax, from which on it applies. units: added for each pack.
    percent: of the units that are bought, added as well.
    """

    least: Decimal = ZERO
    units: Decimal = ZERO
    percent: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PurchaseAmounts:
    """
    What one purchase gives.

    units, bonus: units that were bought, and those given on top. net: what is paid for them, net of tax.
    cost, bonus_cost: of the net price, what the bought units and the bonus were paid with; they sum to it.
    """

    units: Decimal
    bonus: Decimal
    net: Decimal
    cost: Decimal
    bonus_cost: Decimal


def find_slab(quantity: Decimal, slabs: Iterable[Slab]) -> Slab | None:
    """Return the highest slab that is reached: `bought` is its least or more; None below all of them."""
    return max((slab for slab in slabs if slab.least <= quantity), key=lambda slab: slab.least, default=None)


def compute_bonus(units: Decimal, slab: Slab | None, *, packs: int = 1) -> Decimal:
    """Return what is added to `units` bought, half-up to 12 places; packs: how many packs they came in."""
    if slab is None:
        return ZERO
    share = Fraction(units) * Fraction(slab.percent) / HUNDRED
    return round_units(packs * Fraction(slab.units) + share)


def price_purchase(
    units: Decimal, price: Decimal, currency: str, slabs: Iterable[Slab], *, packs: int = 1, by_price: bool = False
) -> PurchaseAmounts:
    """
    Return what a purchase gives.

    units: in all packs together, above zero. price: of all of them; rounded here, once, to the currency's minor unit.
    by_price: whether slabs are reached by what is paid, rather than by units.

    The price is spread over units and bonus in proportion, by largest remainder at 12 places.
    """
    net = round_money(price, currency)
    bonus = compute_bonus(units, find_slab(net if by_price else units, slabs), packs=packs)
    cost, bonus_cost = spread_cost(net, units, bonus)
    return PurchaseAmounts(units, bonus, net, cost, bonus_cost)


def spread_cost(net: Decimal, *parts: Decimal) -> tuple[Decimal, ...]:
    """Return what each part of the units was paid with; they sum to the price. Source: docs/wallets.md#cost-basis."""
    return allocate(net, parts, SMALLEST_STEP)
