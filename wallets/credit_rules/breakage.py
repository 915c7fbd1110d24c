"""
When value that is never used becomes revenue: as it expires, or in proportion to use.

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
    What a lot moved in one month, at its cost.

    month: as "2026-01". basis: what came in by grants, less what went out unused (void, paid back, moved on).
    used: what use took, less what was given back. expired: what went to breakage, less what late use took back.
    """

    month: str
    basis: Decimal
    used: Decimal
    expired: Decimal


def recognized_breakage(
    basis: Decimal, used: Decimal, expired: Decimal, *, policy: BreakagePolicy, expected: Decimal
) -> Decimal:
    """
    Return the breakage of a lot that is recognized when so much of it has been used and has expired.

    basis, used, expired: costs so far. expected: the part of the basis that is expected never to be used, 0 to 1.

    In proportion: the expected breakage, by how much of the expected use there has been, and never more than is left.
    What has expired is recognized in any case, so that, when nothing is left, both policies come to the same.
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
    Yield what is recognized of one lot in each month in which it moved; below zero where an estimate is put right.

    moved: in the order of the months.
    """
    basis = used = expired = recognized_before = ZERO
    for lot_month in lot_months:
        basis, used = EXACT.add(basis, lot_month.basis), EXACT.add(used, lot_month.used)
        expired = EXACT.add(expired, lot_month.expired)
        recognized = recognized_breakage(basis, used, expired, policy=policy, expected=expected)
        yield lot_month.month, EXACT.subtract(recognized, recognized_before)
        recognized_before = recognized
