"""
When an alert rule tells: arithmetic alone, without database or clock.

Nothing is divided: a share is compared as value × 100 against limit × level, so that 75 % is 75 % to the last digit.

Source: docs/alerts.md.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

HUNDRED = Decimal(100)
LEVELS = (50, 75, 90, 100)
"""Percentages of a limit that are told of, where nobody says otherwise."""

USUAL_DAYS = 28
"""Days before the last one that say what is usual."""

LEAST_DAYS = 7
"""Days that a use must have gone on for before anything of it is unusual."""

TELLING = Fraction(1, 10)
"""The share of a period that must have passed before a forecast is worth a message."""


def reached(value: Decimal, *, limit: Decimal, levels: Iterable[int]) -> tuple[int, ...]:
    """
    Return the levels that a value has reached, in order.

    levels: percentages of the limit. A limit of zero is reached by anything above it.

    Source: docs/alerts.md#levels.
    """
    if value <= 0:
        return ()
    share = Fraction(value) * 100
    return tuple(sorted(level for level in levels if share >= Fraction(limit) * level))


def fallen_below(value: Decimal, *, limit: Decimal, levels: Iterable[int]) -> tuple[int, ...]:
    """
    Return the levels that a balance is strictly below, the highest first: the last one is the most urgent.

    Source: docs/alerts.md#balances.
    """
    share = Fraction(value) * 100
    return tuple(sorted((level for level in levels if share < Fraction(limit) * level), reverse=True))


def due_within(days: Fraction, *, levels: Iterable[int]) -> tuple[int, ...]:
    """Return the levels, in days, that something is due within, the farthest first and the most urgent last."""
    return tuple(sorted((level for level in levels if days <= level), reverse=True))


def usual(quantities: Sequence[Decimal], *, days: int) -> Fraction | None:
    """
    Return what is used on a usual day, or None where too few days have passed since the first use.

    quantities: of the days with use, within the `days` that have passed since the first of them, USUAL_DAYS at most.

    Source: docs/alerts.md#unusual-use.
    """
    if days < LEAST_DAYS:
        return None
    return Fraction(sum(quantities, Decimal(0))) / min(days, USUAL_DAYS)


def unusual(
    quantity: Decimal, *, usually: Fraction, amount: Fraction, least: Decimal, levels: Iterable[int]
) -> tuple[int, ...]:
    """
    Return the levels, as multiples of what is usual, that a day's use has reached, in order.

    amount: what the day's use costs. least: what it must cost at least, so that little use never alarms.

    Source: docs/alerts.md#unusual-use.
    """
    if quantity <= 0 or amount < Fraction(least):
        return ()
    return tuple(sorted(level for level in levels if Fraction(quantity) >= usually * level))


def is_telling(passed: Fraction) -> bool:
    """Return whether enough of a period has passed for its forecast to be told: docs/alerts.md#forecasts."""
    return passed >= TELLING
