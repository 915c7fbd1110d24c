"""
Thresholds of alert rules: pure arithmetic, without database or clock.

Nothing is divided: a share is compared as value × 100 against limit × level, so that 75% is 75% to the last digit.

Source: docs/alerts.md.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

HUNDRED = Decimal(100)
PERCENT_LEVELS = (50, 75, 90, 100)
"""Default levels, in percent of a limit."""

BASELINE_DAYS = 28
"""Days before the last one from which the usual quantity is computed."""

MIN_BASELINE_DAYS = 7
"""Minimum days since the first use before any usage counts as unusual."""


def levels_reached(value: Decimal, *, limit: Decimal, levels: Iterable[int]) -> tuple[int, ...]:
    """
    Return the levels that a value has reached, in order.

    levels: percentages of the limit. A limit of zero is reached by anything above it.

    Source: docs/alerts.md#levels.
    """
    if value <= 0:
        return ()
    share = Fraction(value) * 100
    return tuple(sorted(level for level in levels if share >= Fraction(limit) * level))


def levels_undercut(value: Decimal, *, limit: Decimal, levels: Iterable[int]) -> tuple[int, ...]:
    """
    Return the levels that a balance is strictly below, the highest first: the last one is the most urgent.

    Source: docs/alerts.md#balances.
    """
    share = Fraction(value) * 100
    return tuple(sorted((level for level in levels if share < Fraction(limit) * level), reverse=True))


def levels_due_within(days: Fraction, *, levels: Iterable[int]) -> tuple[int, ...]:
    """
    Return the levels, in days, that remain until something is due or more, the farthest first and the most urgent
    last.
    """
    return tuple(sorted((level for level in levels if days <= level), reverse=True))


def usual_daily_quantity(quantities: Sequence[Decimal], *, days: int) -> Fraction | None:
    """
    Return the usual quantity of a day, or None if too few days have passed since the first use.

    quantities: of the days with usage within the last `days` since the first of them; at most BASELINE_DAYS of them
        count.

    Source: docs/alerts.md#unusual-usage.
    """
    if days < MIN_BASELINE_DAYS:
        return None
    return Fraction(sum(quantities, Decimal(0))) / min(days, BASELINE_DAYS)


def spike_levels(
    quantity: Decimal, *, usual_quantity: Fraction, cost: Fraction, minimum_cost: Decimal, levels: Iterable[int]
) -> tuple[int, ...]:
    """
    Return the levels, as multiples of the usual quantity, that a day's usage has reached, in order.

    cost: cost of the day's usage.
    minimum_cost: the cost below which usage never counts as unusual.

    Source: docs/alerts.md#unusual-usage.
    """
    if quantity <= 0 or cost < Fraction(minimum_cost):
        return ()
    return tuple(sorted(level for level in levels if Fraction(quantity) >= usual_quantity * level))
