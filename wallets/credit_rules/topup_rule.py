"""
When a wallet is topped up by itself, and by how much.

Source: docs/wallets.md#auto-top-up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT
from wallets.credit_rules.units import round_units

MAX_PACKS = 1_000
"""Packs that one purchase may be of."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """
    How much may be bought by itself within a day or a month, and what was since it began.

    most, count: top-ups. most_money, money: what they cost with tax. None where there is no such ceiling.
    """

    most: int | None = None
    count: int = 0
    most_money: Decimal | None = None
    money: Decimal = Decimal(0)

    def allows(self, cost: Decimal) -> bool:
        """Tell whether one more top-up at this cost stays within it."""
        return (self.most is None or self.count < self.most) and (
            self.most_money is None or EXACT.add(self.money, cost) <= self.most_money
        )


def threshold_from_percent(percent: Decimal, pack_units: Decimal) -> Decimal:
    """Return a threshold that is a percentage of a pack's units."""
    return round_units(Fraction(percent) * Fraction(pack_units) / 100)


def is_due(balance: Decimal, threshold: Decimal) -> bool:
    """Tell whether to top up: strictly below the threshold, so that a balance of just as much is enough."""
    return balance < threshold


def is_cooldown_over(last_topup_at: datetime | None, cooldown: timedelta, at: datetime) -> bool:
    """Tell whether the last top-up is long enough ago for the next one."""
    return last_topup_at is None or last_topup_at + cooldown <= at


def packs_to_reach(target: Decimal | None, balance: Decimal, pack_units: Decimal) -> int:
    """
    Return how many packs fill a wallet up to a target at least: one or more, and no more than `MOST_PACKS`.

    target: units; None for one pack, whatever it leads to. A bonus comes on top, and fills nothing.
    """
    if target is None:
        return 1
    missing = EXACT.subtract(target, balance)
    full_packs, remainder = EXACT.divmod(max(missing, Decimal(0)), pack_units)
    return min(max(int(full_packs) + bool(remainder), 1), MAX_PACKS)


def units_to_reach(target: Decimal, balance: Decimal, *, least: Decimal, most: Decimal) -> Decimal:
    """Return how many units of those that are sold one by one fill a wallet up to a target, from least to most."""
    return min(max(EXACT.subtract(target, balance), least), most)
