"""Reports of the books, and recurring revenue. The key needs the scope `revenue:read`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

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


@dataclass(frozen=True, slots=True)
class BooksReport:
    """
    A report of the books as a table.

    as_of: the time up to which it counts. locked_until: the last month that can no longer change, such as 2026-01, if
    any. missing_rates: why amounts of a converted report are None. rows: column → an amount, which is exact and
    written as text, a month such as 2026-01, another text, or None.
    """

    report: str
    currency: str
    as_of: datetime
    locked_until: str | None
    is_converted: bool
    missing_rates: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]

    def amounts(self, column: str) -> tuple[Decimal | None, ...]:
        """Return the amounts of a column, one for each row; None for an empty cell."""
        return tuple(None if row[column] is None else Decimal(row[column]) for row in self.rows)


class Revenue(Resource):
    """`client.revenue`. Months are named like 2026-01; without a currency, it is the seller's own."""

    def report(
        self,
        report: str,
        seller: str,
        *,
        currency: str | None = None,
        into: str | None = None,
        apart: Iterable[str] = (),
        by: str | None = None,
        since: str | None = None,
        until: str | None = None,
        page: int | None = None,
    ) -> BooksReport:
        """
        Return a report of the seller's books, such as `income`, `waterfall`, `trial-balance` or `forecast`.

        into: convert the books of all currencies into this one, except those in `apart`. by: divides income and
        margin, such as `plan`. page: of aging and margin, which have 200 rows each.

        :raises NotFound: if there is no such report or seller.
        :raises InvalidFields: if the report can't be divided or converted like this.
        """
        query = {
            "seller": seller,
            "currency": currency,
            "in": into,
            "apart": ",".join(apart) or None,
            "by": by,
            "since": since,
            "until": until,
            "page": page,
        }
        return self._call(BooksReport, "GET", f"/revenue/{quote(report, safe='')}", query=query)

    def mrr(
        self, seller: str, *, currency: str | None = None, until: str | None = None, months: int | None = None
    ) -> MrrReport:
        """Return MRR by month with its movements, up to a month."""
        query = {"seller": seller, "currency": currency, "until": until, "months": months}
        return self._call(MrrReport, "GET", "/revenue/mrr", query=query)

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
        return self._call(MovementsReport, "GET", "/revenue/movements", query=query)

    def retention(self, seller: str, *, currency: str | None = None, until: str | None = None) -> RetentionReport:
        """Return net and gross revenue retention over twelve months."""
        query = {"seller": seller, "currency": currency, "until": until}
        return self._call(RetentionReport, "GET", "/revenue/retention", query=query)

    def cohorts(
        self, seller: str, *, currency: str | None = None, until: str | None = None, months: int | None = None
    ) -> CohortsReport:
        """Return cohorts by the month of their first MRR."""
        query = {"seller": seller, "currency": currency, "until": until, "months": months}
        return self._call(CohortsReport, "GET", "/revenue/cohorts", query=query)
