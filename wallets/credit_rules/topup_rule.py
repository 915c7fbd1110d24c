"""
Automatic top-ups: when a wallet is due, and how much to buy.

Source: docs/wallets.md#automatic-top-ups.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT
from wallets.credit_rules.units import round_units

MAX_PACKS = 1_000
"""The most packs in one purchase."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """
    A limit on automatic top-ups within a day or a month, and the top-ups made since its start.

    most, count: number of top-ups. most_money, money: their price with tax. None for no limit.
    """

    most: int | None = None
    count: int = 0
    most_money: Decimal | None = None
    money: Decimal = Decimal(0)

    def allows(self, cost: Decimal) -> bool:
        """Return whether one more top-up at this cost stays within the ceiling."""
        return (self.most is None or self.count < self.most) and (
            self.most_money is None or EXACT.add(self.money, cost) <= self.most_money
        )


def threshold_from_percent(percent: Decimal, pack_units: Decimal) -> Decimal:
    """Return a threshold given as a percentage of a pack's units."""
    return round_units(Fraction(percent) * Fraction(pack_units) / 100)


def is_due(balance: Decimal, threshold: Decimal) -> bool:
    """Return whether to top up: only strictly below the threshold."""
    return balance < threshold


def is_cooldown_over(last_topup_at: datetime | None, cooldown: timedelta, at: datetime) -> bool:
    """Return whether the last top-up is long enough ago for the next one."""
    return last_topup_at is None or last_topup_at + cooldown <= at


def packs_to_reach(target: Decimal | None, balance: Decimal, pack_units: Decimal) -> int:
    """
    Return the packs needed to reach a target: at least one, at most `MAX_PACKS`.

    target: units; None for one pack. A bonus comes on top and doesn't count.
    """
    if target is None:
        return 1
    missing = EXACT.subtract(target, balance)
    full_packs, remainder = EXACT.divmod(max(missing, Decimal(0)), pack_units)
    return min(max(int(full_packs) + bool(remainder), 1), MAX_PACKS)


def units_to_reach(target: Decimal, balance: Decimal, *, least: Decimal, most: Decimal) -> Decimal:
    """Return the units needed to reach a target, for packs sold unit by unit: between `least` and `most`."""
    return min(max(EXACT.subtract(target, balance), least), most)
