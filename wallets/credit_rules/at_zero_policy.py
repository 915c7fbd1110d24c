"""The policy for use that a wallet can't cover."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from lib.decimals import EXACT, ZERO


class AtZeroPolicy(StrEnum):
    """The policy at zero: refuse, continue and invoice, or continue into debt up to the overdraft limit."""

    BLOCK = "block"
    OVERAGE = "overage"
    GRACE = "grace"


class ShortfallSplit(NamedTuple):
    """
    The split of units that no lot covers.

    owed: added to the wallet's debt, which the next lot repays. uncovered: not taken over by the wallet; with overage
        it is invoiced, otherwise it was used despite a refusal, costs nothing, and is reported.
    """

    owed: Decimal
    uncovered: Decimal


def split_shortfall(missing: Decimal, at_zero: AtZeroPolicy, *, debt: Decimal, limit: Decimal) -> ShortfallSplit:
    """
    Split `missing` units into owed and uncovered ones.

    debt, limit: the wallet's debt so far, and its overdraft limit.
    """
    if at_zero is not AtZeroPolicy.GRACE:
        return ShortfallSplit(ZERO, missing)
    owed = min(missing, max(EXACT.subtract(limit, debt), ZERO))
    return ShortfallSplit(owed, EXACT.subtract(missing, owed))
