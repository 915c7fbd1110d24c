"""What happens when a wallet has nothing left for a use."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from lib.decimals import EXACT, ZERO


class AtZeroPolicy(StrEnum):
    """What happens at zero: refuse, go on and invoice, or go on into debt up to a limit."""

    BLOCK = "block"
    OVERAGE = "overage"
    GRACE = "grace"


class ShortfallSplit(NamedTuple):
    """
    What becomes of what no lot pays for.

    owed: what the wallet owes now, which the next lot pays. uncovered: what it does not take over: invoiced with
    overage; with the others it was used in spite of a refusal, costs nothing, and is told.
    """

    owed: Decimal
    uncovered: Decimal


def split_shortfall(missing: Decimal, at_zero: AtZeroPolicy, *, debt: Decimal, limit: Decimal) -> ShortfallSplit:
    """
    Return what becomes of `missing` units.

    debt, limit: what the wallet owes already, and what it may owe at most, with grace.
    """
    if at_zero is not AtZeroPolicy.GRACE:
        return ShortfallSplit(ZERO, missing)
    owed = min(missing, max(EXACT.subtract(limit, debt), ZERO))
    return ShortfallSplit(owed, EXACT.subtract(missing, owed))
