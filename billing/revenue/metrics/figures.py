"""The figures of the reports on recurring revenue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.revenue.metrics.months import BooksMonth
from customers.models import Seller
from lib.decimals import EXACT, exact_sum
from plans.metrics.cohorts import RevenueCohort
from plans.metrics.monthly_amounts import round_sum
from plans.metrics.movements import GAINS, KINDS, Kind
from plans.metrics.retention import Retention, arpa, churn_rate, quick_ratio

YEAR = 12
"""Months that a report shows by default, and over which retention looks back."""


@dataclass(frozen=True, slots=True)
class MonthMovements:
    """
    Recurring revenue over one month: opening + movements = closing, exactly and as shown.

    gross: closing before discounts without an end. usage: usage MRR, never part of the others; None if the month has
    fewer than three complete ones. customers: those with recurring revenue at the end. gained, lost: their changes.
    """

    month: BooksMonth
    opening: Decimal
    movements: Mapping[Kind, Decimal]
    closing: Decimal
    gross: Decimal
    customers: int
    gained: int
    lost: int
    usage: Decimal | None = None

    @property
    def net_change(self) -> Decimal:
        return exact_sum(self.movements.values())

    @property
    def opening_customers(self) -> int:
        return self.customers - self.gained + self.lost

    def shown(self, currency: str) -> "MonthMovements":
        """
        Return the figures in the currency's minor unit.

        Each movement is the difference of two rounded running sums, so that the rounded figures add up as well.
        """
        running, shown = self.opening, {}
        for kind in KINDS:
            before, running = running, exact_sum([running, self.movements[kind]])
            shown[kind] = exact_sum([round_sum(running, currency), -round_sum(before, currency)])
        return replace(
            self,
            opening=round_sum(self.opening, currency),
            movements=shown,
            closing=round_sum(self.closing, currency),
            gross=round_sum(self.gross, currency),
            usage=None if self.usage is None else round_sum(self.usage, currency),
        )


class CustomerMovement(NamedTuple):
    """A customer's movement in a month: opening + amount = closing, rounded to the currency's minor unit."""

    customer_id: int
    external_id: str
    name: str
    kind: Kind
    opening: Decimal
    amount: Decimal
    closing: Decimal


class CustomerUsage(NamedTuple):
    """A customer's usage MRR, rounded to the currency's minor unit."""

    customer_id: int
    external_id: str
    name: str
    usage: Decimal


@dataclass(frozen=True, slots=True)
class UsagePage:
    """A page of customers with usage MRR. usage: of all `count` customers, rounded once."""

    rows: Sequence[CustomerUsage]
    usage: Decimal
    count: int


class CustomerRevenue(NamedTuple):
    """A customer's MRR at a month end, and twelve months before; rounded to the currency's minor unit."""

    customer_id: int
    external_id: str
    name: str
    then: Decimal
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class BalancePage:
    """A page of customers. then, net, gross: of all `count` customers, each rounded once."""

    rows: Sequence[CustomerRevenue]
    then: Decimal
    net: Decimal
    gross: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class MrrReport:
    """
    A seller's recurring revenue in one currency.

    months: in order of time. retention: of the last month against the twelfth before it; None if the books are
    younger. cohorts: of the months shown, with their months. largest: the largest movements of the last month, of
    `movement_count`.
    """

    seller: Seller
    currency: str
    as_of: datetime
    months: Sequence[MonthMovements]
    retention: Retention | None
    cohorts: Sequence[tuple[date, RevenueCohort]]
    largest: Sequence[CustomerMovement]
    movement_count: int

    @property
    def last(self) -> MonthMovements:
        return self.months[-1]

    @property
    def arr(self) -> Decimal:
        """Twelve times the committed MRR, exactly: never of a rounded one."""
        return round_sum(EXACT.multiply(self.last.closing, Decimal(YEAR)), self.currency)

    @property
    def arpa(self) -> Fraction | None:
        return arpa(self.last.closing, self.last.customers)

    @property
    def quick_ratio(self) -> Fraction | None:
        """Gains ÷ losses of the months shown."""
        sums = {kind: exact_sum(month.movements[kind] for month in self.months) for kind in KINDS}
        gains = exact_sum(sums[kind] for kind in GAINS)
        return quick_ratio(gains, exact_sum(sums[kind] for kind in KINDS if kind not in GAINS))

    @property
    def churn_rate(self) -> Fraction | None:
        """Customers lost in the last complete month ÷ those at its beginning."""
        complete = [row for row in self.months if row.month.is_over]
        return churn_rate(complete[-1].lost, complete[-1].opening_customers) if complete else None
