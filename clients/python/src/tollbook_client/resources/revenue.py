"""Recurring revenue: MRR by month, movements, retention and cohorts. The key needs the scope `revenue:read`."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tollbook_client import deserialization
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class MrrMonth:
    """
    Recurring revenue over one month: opening + movements = closing, in the report's currency.

    gross: closing before coupons without an end. usage: usage MRR, which is not part of the other amounts.
    """

    month: str
    locked: bool
    complete: bool
    opening: Decimal
    new: Decimal
    expansion: Decimal
    reactivation: Decimal
    contraction: Decimal
    churn: Decimal
    closing: Decimal
    gross: Decimal
    usage: Decimal | None
    customers: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class MrrReport:
    """MRR by month. Rates are fractions of 1, and None where they would divide by zero."""

    seller: str
    currency: str
    as_of: datetime
    arr: Decimal
    arpa: Decimal | None
    quick_ratio: Decimal | None
    churn_rate: Decimal | None
    months: tuple[MrrMonth, ...]


@dataclass(frozen=True, slots=True)
class CustomerMovement:
    """A customer's movement in a month."""

    customer: str
    kind: str
    opening: Decimal
    amount: Decimal
    closing: Decimal


@dataclass(frozen=True, slots=True)
class MovementsReport:
    """A page of a month's movements, the largest first. total: the number of all."""

    seller: str
    currency: str
    as_of: datetime
    month: str
    total: int
    movements: tuple[CustomerMovement, ...]


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What the customers of twelve months ago pay now."""

    seller: str
    currency: str
    as_of: datetime
    month: str
    then: Decimal
    now: Decimal
    kept: Decimal
    customers: int
    kept_customers: int
    net_retention: Decimal | None
    gross_retention: Decimal | None
    customer_retention: Decimal | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """The customers whose first MRR is in one month: at its end, and at each later month end."""

    month: str
    revenue: tuple[Decimal, ...]
    customers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CohortsReport:
    """Cohorts by the month of their first MRR."""

    seller: str
    currency: str
    as_of: datetime
    cohorts: tuple[Cohort, ...]


class Revenue(Resource):
    """`client.revenue`. Months are named like 2026-01; without a currency, it is the seller's own."""

    def mrr(
        self, seller: str, *, currency: str | None = None, until: str | None = None, months: int | None = None
    ) -> MrrReport:
        """Return MRR by month with its movements, up to a month."""
        query = {"seller": seller, "currency": currency, "until": until, "months": months}
        return deserialization.read(MrrReport, self._connection.json("GET", "/revenue/mrr", query=query))

    def movements(
        self,
        seller: str,
        month: str,
        *,
        currency: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> MovementsReport:
        """Return a page of the movements of a month by customer."""
        query = {
            "seller": seller,
            "month": month,
            "currency": currency,
            "kind": kind,
            "limit": limit,
            "offset": offset,
        }
        return deserialization.read(MovementsReport, self._connection.json("GET", "/revenue/movements", query=query))

    def retention(self, seller: str, *, currency: str | None = None, until: str | None = None) -> RetentionReport:
        """Return net and gross revenue retention over twelve months."""
        query = {"seller": seller, "currency": currency, "until": until}
        return deserialization.read(RetentionReport, self._connection.json("GET", "/revenue/retention", query=query))

    def cohorts(
        self, seller: str, *, currency: str | None = None, until: str | None = None, months: int | None = None
    ) -> CohortsReport:
        """Return cohorts by the month of their first MRR."""
        query = {"seller": seller, "currency": currency, "until": until, "months": months}
        return deserialization.read(CohortsReport, self._connection.json("GET", "/revenue/cohorts", query=query))
