"""
The reports on recurring revenue: by month with its movements, by customer, retention and cohorts.

All sections of a report are read by one statement, so that they show the same balances.
"""

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction

from django.utils.translation import gettext as _

from billing.revenue.metrics.figures import YEAR, BalancePage, CustomerMovement, MrrReport, UsagePage
from billing.revenue.metrics.monthly_usage import read_usage_page, with_usage
from billing.revenue.metrics.months import BooksMonth, NoSuchMonths, read_months
from billing.revenue.metrics.sections import (
    BALANCES,
    COHORTS,
    CUSTOMERS,
    MONTHS,
    RETENTION,
    balance_page,
    cohorts,
    customer_movement,
    month_rows,
    read_sections,
)
from customers.models import Seller
from lib import sql
from plans.metrics.movements import KINDS, Kind
from plans.metrics.retention import Retention

LARGEST = 9

_CURRENCIES = """
SELECT DISTINCT s.currency FROM billing_subscription s JOIN customers_customer c ON c.id = s.customer_id
WHERE s.seller_id = %s AND NOT c.sandbox
"""


def read_mrr_report(
    *, seller: Seller, currency: str, at: datetime, count: int = YEAR, until: date | None = None
) -> MrrReport:
    """
    Return the report on the `count` months up to `until`, its first day; default: up to the month of `at`.

    :raises NoSuchMonths: if the seller has no subscriptions by then.
    """
    months = _months_until(seller, at=at, until=until)
    first = max(len(months) - count, 0)
    sections = {
        "months": MONTHS,
        "retention": RETENTION,
        "cohorts": COHORTS,
        "largest": f"{CUSTOMERS} ORDER BY abs(m.net - m.opening) DESC, m.customer_id LIMIT {LARGEST}",
    }
    parameters = {"then": len(months) - YEAR, "now": len(months), "first": first, "kinds": list(KINDS)}
    rows = read_sections(seller, months, currency, sections, parameters)
    by_month = month_rows(rows["months"], months)
    then, now, kept, customers, kept_customers = rows["retention"][0]
    retained = Retention(Fraction(then), Fraction(now), Fraction(kept), customers, kept_customers)
    shown = by_month[first:]
    return MrrReport(
        seller=seller,
        currency=currency,
        as_of=at,
        months=with_usage(seller, currency, months, shown),
        retention=retained if len(months) > YEAR else None,
        cohorts=cohorts(rows["cohorts"], months),
        largest=[customer_movement(row, currency) for row in rows["largest"]],
        movement_count=rows["largest"][0][-1] if rows["largest"] else 0,
    )


def read_movements(
    *,
    seller: Seller,
    currency: str,
    month: date,
    at: datetime,
    kinds: Sequence[Kind] = KINDS,
    offset: int = 0,
    limit: int = 100,
) -> tuple[list[CustomerMovement], int]:
    """
    Return a page of a month's movements, the largest first, and the number of all.

    :raises NoSuchMonths: if the seller's books have no such month.
    """
    months = _months_until(seller, at=at, until=month)
    page = f"{CUSTOMERS} ORDER BY abs(m.net - m.opening) DESC, m.customer_id OFFSET %(offset)s LIMIT %(limit)s"
    parameters = {"now": len(months), "kinds": list(kinds), "offset": offset, "limit": limit}
    rows = read_sections(seller, months, currency, {"page": page}, parameters)["page"]
    return [customer_movement(row, currency) for row in rows], rows[0][-1] if rows else 0


def read_balances(
    *,
    seller: Seller,
    currency: str,
    month: date,
    at: datetime,
    cohort: date | None = None,
    is_retention: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> BalancePage:
    """
    Return a page of the customers behind a month's MRR, the largest first.

    cohort: only customers whose first MRR is in this month. is_retention: those that had some twelve months before.

    :raises NoSuchMonths: if the seller's books have no such month.
    """
    months = _months_until(seller, at=at, until=month)
    numbers = {row.month: number for number, row in enumerate(months, 1)}
    if cohort is not None and cohort not in numbers:
        raise NoSuchMonths(_("The books have no month %(month)s.") % {"month": f"{cohort:%Y-%m}"}, field="cohort")
    parameters = {
        "then": len(months) - YEAR,
        "cohort": numbers[cohort] if cohort is not None else 0,
        "retained": is_retention,
        "offset": offset,
        "limit": limit,
    }
    rows = read_sections(seller, months, currency, {"page": BALANCES}, parameters)["page"]
    return balance_page(rows, currency)


def read_usage(
    *, seller: Seller, currency: str, month: date, at: datetime, offset: int = 0, limit: int = 100
) -> UsagePage:
    """
    Return a page of the customers behind a month's usage MRR, the largest first.

    :raises NoSuchMonths: if the seller's books have no such month.
    """
    months = _months_until(seller, at=at, until=month)
    return read_usage_page(seller, currency, months, offset=offset, limit=limit)


def read_currencies(seller: Seller) -> list[str]:
    """Return the currencies of a seller's live subscriptions, its own one first."""
    currencies = sql.fetch_column(_CURRENCIES, [seller.pk])
    return sorted(currencies, key=lambda currency: (currency != str(seller.currency), currency))


def _months_until(seller: Seller, *, at: datetime, until: date | None) -> list[BooksMonth]:
    """
    Return the months of the books up to one of them.

    :raises NoSuchMonths: if there is none.
    """
    months = read_months(seller, at=at)
    if not months:
        raise NoSuchMonths(
            _("%(seller)s has no subscriptions yet, so there is no recurring revenue.") % {"seller": seller},
            field="seller",
        )
    if until is None:
        return months
    earlier = [month for month in months if month.month <= until]
    if not earlier or earlier[-1].month != until:
        text = _("The books have no month %(month)s. Choose one from %(first)s to %(last)s.")
        values = {"month": f"{until:%Y-%m}", "first": f"{months[0].month:%Y-%m}", "last": f"{months[-1].month:%Y-%m}"}
        raise NoSuchMonths(text % values)
    return earlier
