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
from wallets.credit_rules.units import rounded


class Policy(StrEnum):
    """When breakage is recognized."""

    EXPIRY = "expiry"
    PROPORTIONAL = "proportional"


class Moved(NamedTuple):
    """
    What a lot moved in one month, at its cost.

    month: as "2026-01". basis: what came in by grants, less what went out unused (void, paid back, moved on).
    used: what use took, less what was given back. expired: what went to breakage, less what late use took back.
    """

    month: str
    basis: Decimal
    used: Decimal
    expired: Decimal


def recognized_of(basis: Decimal, used: Decimal, expired: Decimal, *, policy: Policy, expected: Decimal) -> Decimal:
    """
    Return the breakage of a lot that is recognized when so much of it has been used and has expired.

    basis, used, expired: costs so far. expected: the part of the basis that is expected never to be used, 0 to 1.

    In proportion: the expected breakage, by how much of the expected use there has been, and never more than is left.
    What has expired is recognized in any case, so that, when nothing is left, both policies come to the same.
    """
    left = EXACT.subtract(EXACT.subtract(basis, used), expired)
    if policy is Policy.EXPIRY or left <= 0 or expected >= 1:
        return expired
    in_proportion = rounded(Fraction(used) * Fraction(expected) / (1 - Fraction(expected)))
    ahead = max(EXACT.subtract(in_proportion, expired), ZERO)
    return EXACT.add(expired, min(ahead, left))


def by_month(moved: Iterable[Moved], *, policy: Policy, expected: Decimal) -> Iterator[tuple[str, Decimal]]:
    """
    Yield what is recognized of one lot in each month in which it moved; below zero where an estimate is put right.

    moved: in the order of the months.
    """
    basis = used = expired = before = ZERO
    for one in moved:
        basis, used = EXACT.add(basis, one.basis), EXACT.add(used, one.used)
        expired = EXACT.add(expired, one.expired)
        now = recognized_of(basis, used, expired, policy=policy, expected=expected)
        yield one.month, EXACT.subtract(now, before)
        before = now
