"""
When an alert rule tells: arithmetic alone, without database or clock.

Nothing is divided: a share is compared as value × 100 against limit × level, so that 75 % is 75 % to the last digit.

Source: docs/alerts.md.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

HUNDRED = Decimal(100)
PERCENT_LEVELS = (50, 75, 90, 100)
"""Percentages of a limit that are told of, where nobody says otherwise."""

BASELINE_DAYS = 28
"""Days before the last one that say what is usual."""

MIN_BASELINE_DAYS = 7
"""Days that a use must have gone on for before anything of it is unusual."""


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
    """Return the levels, in days, that something is due within, the farthest first and the most urgent last."""
    return tuple(sorted((level for level in levels if days <= level), reverse=True))


def usual_daily_quantity(quantities: Sequence[Decimal], *, days: int) -> Fraction | None:
    """
    Return what is used on a usual day, or None where too few days have passed since the first use.

    quantities: of the days with use, within the `days` that have passed since the first of them, USUAL_DAYS at most.

    Source: docs/alerts.md#unusual-use.
    """
    if days < MIN_BASELINE_DAYS:
        return None
    return Fraction(sum(quantities, Decimal(0))) / min(days, BASELINE_DAYS)


def spike_levels(
    quantity: Decimal, *, usual_quantity: Fraction, cost: Fraction, minimum_cost: Decimal, levels: Iterable[int]
) -> tuple[int, ...]:
    """
    Return the levels, as multiples of what is usual, that a day's use has reached, in order.

    amount: what the day's use costs. least: what it must cost at least, so that little use never alarms.

    Source: docs/alerts.md#unusual-use.
    """
    if quantity <= 0 or cost < Fraction(minimum_cost):
        return ()
    return tuple(sorted(level for level in levels if Fraction(quantity) >= usual_quantity * level))
