"""
Prices of credit packs: units, bonus, and the cost of each unit.

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
    A bonus step, reached from a certain quantity.

    least: units bought, or their price net of tax, from which it applies. units: bonus per pack.
    percent: bonus in percent of the units bought, in addition.
    """

    least: Decimal = ZERO
    units: Decimal = ZERO
    percent: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PurchaseAmounts:
    """
    The result of a purchase.

    units, bonus: units bought, and bonus units. net: their price, net of tax.
    cost, bonus_cost: the parts of the net price allocated to units and bonus; they sum to it.
    """

    units: Decimal
    bonus: Decimal
    net: Decimal
    cost: Decimal
    bonus_cost: Decimal


def find_slab(quantity: Decimal, slabs: Iterable[Slab]) -> Slab | None:
    """Return the highest slab reached by a quantity; None below all of them."""
    return max((slab for slab in slabs if slab.least <= quantity), key=lambda slab: slab.least, default=None)


def compute_bonus(units: Decimal, slab: Slab | None, *, packs: int = 1) -> Decimal:
    """Return the bonus for `units` bought, rounded half-up to 12 places. packs: number of packs."""
    if slab is None:
        return ZERO
    share = Fraction(units) * Fraction(slab.percent) / HUNDRED
    return round_units(packs * Fraction(slab.units) + share)


def price_purchase(
    units: Decimal, price: Decimal, currency: str, slabs: Iterable[Slab], *, packs: int = 1, by_price: bool = False
) -> PurchaseAmounts:
    """
    Return the amounts of a purchase.

    units: in all packs together, above zero. price: of all of them; rounded here, once, to the currency's minor unit.
    by_price: whether slabs are reached by price rather than by units.

    The price is spread over units and bonus in proportion, by largest remainder at 12 places.
    """
    net = round_money(price, currency)
    bonus = compute_bonus(units, find_slab(net if by_price else units, slabs), packs=packs)
    cost, bonus_cost = spread_cost(net, units, bonus)
    return PurchaseAmounts(units, bonus, net, cost, bonus_cost)


def spread_cost(net: Decimal, *parts: Decimal) -> tuple[Decimal, ...]:
    """Return the cost of each part of the units; they sum to the price. Source: docs/wallets.md#cost-basis."""
    return allocate(net, parts, SMALLEST_STEP)
