"""When usage of a period has come to so much that it is billed before the period is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from lib.decimals import EXACT, ZERO


@dataclass(frozen=True, slots=True)
class Threshold:
    """
    An amount, in the major unit of the plan's currency.

    repeats: whether it is reached again each time that so much more has come, beyond the last one that does not.
    """

    amount: Decimal
    repeats: bool = False


def passed(thresholds: Sequence[Threshold], spent: Decimal) -> int:
    """
    Return how many thresholds an amount has reached, each repetition counted.

    Source: docs/closing.md#progressive-billing.
    """
    single = [one.amount for one in thresholds if not one.repeats]
    count = sum(1 for amount in single if amount <= spent)
    beyond = EXACT.subtract(spent, max(single, default=ZERO))
    for one in thresholds:
        if one.repeats and beyond > 0:
            count += int(EXACT.divide_int(beyond, one.amount))
    return count
