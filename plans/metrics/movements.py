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
class MrrMovement:
    """A change of one customer's recurring revenue: opening + amount = closing."""

    kind: Kind
    amount: Decimal | Fraction


def movement(opening: Amount, closing: Amount, *, had_revenue_before: bool) -> MrrMovement | None:
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
        return MrrMovement("reactivation" if had_revenue_before else "new", amount)
    if not closing:
        return MrrMovement("churn", amount)
    return MrrMovement("expansion" if amount > 0 else "contraction", amount)


def movements(balances: Sequence[Amount]) -> list[MrrMovement | None]:
    """
    Return the movement into each month end but the first; the first balance is the opening one.

    balances: of one customer at consecutive month ends, from the first one that the books have: without the earlier
    ones, a return would look like a beginning.
    """
    by_month: list[MrrMovement | None] = []
    for number in range(1, len(balances)):
        opening, closing = balances[number - 1], balances[number]
        by_month.append(movement(opening, closing, had_revenue_before=any(balances[:number])))
    return by_month


def sum_movements(movements_of_month: Iterable[MrrMovement]) -> Mapping[Kind, Fraction]:
    """Return kind → the exact sum of these movements; kinds without any are zero."""
    sums: dict[Kind, Fraction] = dict.fromkeys(KINDS, Fraction(0))
    for move in movements_of_month:
        sums[move.kind] += Fraction(move.amount)
    return sums
