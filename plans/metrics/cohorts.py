"""Cohorts: customers by the month of their first recurring revenue, and what is left of them month by month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction


@dataclass(slots=True)
class RevenueCohort:
    """
    The customers whose first month end with recurring revenue is the same.

    first: its number among the month ends. revenue, customers: at that month end and each later one.
    """

    first: int
    revenue: list[Fraction] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)

    @property
    def retained_revenue(self) -> list[Fraction]:
        """The share of the first month's revenue at each month end; it may pass 1."""
        return [amount / self.revenue[0] for amount in self.revenue]

    @property
    def retained_customers(self) -> list[Fraction]:
        return [Fraction(count, self.customers[0]) for count in self.customers]


def cohorts(balances: Mapping[str, Sequence[Decimal | Fraction]]) -> list[RevenueCohort]:
    """
    Return the cohorts in order of their first month.

    balances: customer → recurring revenue at consecutive month ends, each of the same length.

    Source: docs/metrics.md#cohorts.
    """
    by_first: dict[int, list[Sequence[Decimal | Fraction]]] = {}
    for amounts in balances.values():
        first = next((number for number, amount in enumerate(amounts) if amount > 0), None)
        if first is not None:
            by_first.setdefault(first, []).append(amounts)
    return [
        RevenueCohort(
            first,
            [sum((Fraction(row[number]) for row in rows), Fraction(0)) for number in range(first, len(rows[0]))],
            [sum(row[number] > 0 for row in rows) for number in range(first, len(rows[0]))],
        )
        for first, rows in sorted(by_first.items())
    ]
