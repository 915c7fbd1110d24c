"""Spend thresholds at which a period's usage is billed before the period ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from lib.decimals import EXACT, ZERO


@dataclass(frozen=True, slots=True)
class SpendThreshold:
    """
    An amount, in the major unit of the plan's currency.

    repeats: whether the threshold is reached again with each further such amount above the highest non-repeating one.
    """

    amount: Decimal
    repeats: bool = False


def count_reached(thresholds: Sequence[SpendThreshold], spent: Decimal) -> int:
    """
    Return how many thresholds an amount has reached, counting each repetition.

    Source: docs/closing.md#progressive-billing.
    """
    single_amounts = [threshold.amount for threshold in thresholds if not threshold.repeats]
    count = sum(1 for amount in single_amounts if amount <= spent)
    excess = max(EXACT.subtract(spent, max(single_amounts, default=ZERO)), ZERO)
    for threshold in thresholds:
        if threshold.repeats:
            count += int(EXACT.divide_int(excess, threshold.amount))
    return count
