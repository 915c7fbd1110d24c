"""Movements: how recurring revenue changes from one month end to the next, by customer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeVar

Kind = Literal["new", "expansion", "reactivation", "contraction", "churn"]
KINDS: tuple[Kind, ...] = ("new", "expansion", "reactivation", "contraction", "churn")
GAINS: tuple[Kind, ...] = ("new", "expansion", "reactivation")

Amount = TypeVar("Amount", Decimal, Fraction)


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of one customer's recurring revenue: opening + amount = closing."""

    kind: Kind
    amount: Decimal | Fraction


def movement(opening: Amount, closing: Amount, *, had_revenue_before: bool) -> Movement | None:
    """
    Return the movement from one month end to the next; None if nothing changed.

    opening, closing: zero or more. had_revenue_before: whether an earlier month end had more than zero, which makes
    a return a reactivation.

    Source: docs/metrics.md#movements.
    """
    if opening == closing:
        return None
    amount = closing - opening
    if not opening:
        return Movement("reactivation" if had_revenue_before else "new", amount)
    if not closing:
        return Movement("churn", amount)
    return Movement("expansion" if amount > 0 else "contraction", amount)


def movements(balances: Sequence[Amount]) -> list[Movement | None]:
    """
    Return the movement into each month end but the first; the first balance is the opening one.

    balances: of one customer at consecutive month ends, from the first one that the books have: without the earlier
    ones, a return would look like a beginning.
    """
    found: list[Movement | None] = []
    for number in range(1, len(balances)):
        opening, closing = balances[number - 1], balances[number]
        found.append(movement(opening, closing, had_revenue_before=any(balances[:number])))
    return found


def sum_movements(movements_of_month: Iterable[Movement]) -> Mapping[Kind, Fraction]:
    """Return kind → the exact sum of these movements; kinds without any are zero."""
    sums: dict[Kind, Fraction] = dict.fromkeys(KINDS, Fraction(0))
    for found in movements_of_month:
        sums[found.kind] += Fraction(found.amount)
    return sums
