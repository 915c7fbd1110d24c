"""
Recognition of breakage as revenue: at expiry, or in proportion to use.

Source: ASC 606-10-55-46 to 55-49; docs/wallets.md#breakage.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from lib.decimals import EXACT, ZERO
from wallets.credit_rules.units import round_units


class BreakagePolicy(StrEnum):
    """When breakage is recognized."""

    EXPIRY = "expiry"
    PROPORTIONAL = "proportional"


class LotMonth(NamedTuple):
    """
    The movements of a lot in one month, at cost.

    month: as "2026-01". basis: grants, less units that left unused (voided, refunded, transferred).
    used: spends, less returns. expired: expiries, less units reclaimed by late usage.
    """

    month: str
    basis: Decimal
    used: Decimal
    expired: Decimal


def recognized_breakage(
    basis: Decimal, used: Decimal, expired: Decimal, *, policy: BreakagePolicy, expected: Decimal
) -> Decimal:
    """
    Return the breakage of a lot recognized so far.

    basis, used, expired: costs so far. expected: the share of the basis expected never to be used, 0 to 1.

    Proportional: the expected breakage times the share of the expected use that has happened, at most the remaining
    cost. Expired units are recognized in any case, so both policies agree once nothing is left.
    """
    remaining = EXACT.subtract(EXACT.subtract(basis, used), expired)
    if policy is BreakagePolicy.EXPIRY or remaining <= 0 or expected >= 1:
        return expired
    proportional = round_units(Fraction(used) * Fraction(expected) / (1 - Fraction(expected)))
    recognized_early = max(EXACT.subtract(proportional, expired), ZERO)
    return EXACT.add(expired, min(recognized_early, remaining))


def breakage_by_month(
    lot_months: Iterable[LotMonth], *, policy: BreakagePolicy, expected: Decimal
) -> Iterator[tuple[str, Decimal]]:
    """
    Yield the breakage recognized for a lot in each month with movements; negative where an estimate is corrected.

    lot_months: in order.
    """
    basis = used = expired = recognized_before = ZERO
    for lot_month in lot_months:
        basis, used = EXACT.add(basis, lot_month.basis), EXACT.add(used, lot_month.used)
        expired = EXACT.add(expired, lot_month.expired)
        recognized = recognized_breakage(basis, used, expired, policy=policy, expected=expected)
        yield lot_month.month, EXACT.subtract(recognized, recognized_before)
        recognized_before = recognized
