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
from wallets.credit_rules.units import LEAST, rounded

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
class Bought:
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


def slab_of(bought: Decimal, slabs: Iterable[Slab]) -> Slab | None:
    """Return the highest slab that is reached: `bought` is its least or more; None below all of them."""
    return max((one for one in slabs if one.least <= bought), key=lambda one: one.least, default=None)


def bonus_of(units: Decimal, slab: Slab | None, *, packs: int = 1) -> Decimal:
    """Return what is added to `units` bought, half-up to 12 places; packs: how many packs they came in."""
    if slab is None:
        return ZERO
    share = Fraction(units) * Fraction(slab.percent) / HUNDRED
    return rounded(packs * Fraction(slab.units) + share)


def bought(
    units: Decimal, price: Decimal, currency: str, slabs: Iterable[Slab], *, packs: int = 1, by_price: bool = False
) -> Bought:
    """
    Return what a purchase gives.

    units: in all packs together, above zero. price: of all of them; rounded here, once, to the currency's minor unit.
    by_price: whether slabs are reached by what is paid, rather than by units.

    The price is spread over units and bonus in proportion, by largest remainder at 12 places.
    """
    net = round_money(price, currency)
    bonus = bonus_of(units, slab_of(net if by_price else units, slabs), packs=packs)
    cost, bonus_cost = spread(net, units, bonus)
    return Bought(units, bonus, net, cost, bonus_cost)


def spread(net: Decimal, *parts: Decimal) -> tuple[Decimal, ...]:
    """Return what each part of the units was paid with; they sum to the price. Source: docs/wallets.md#cost-basis."""
    return allocate(net, parts, LEAST)
