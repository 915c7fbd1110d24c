"""Usage MRR by month and by customer, for the reports."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from billing.revenue.metrics.figures import CustomerUsage, MonthMovements, UsagePage
from billing.revenue.metrics.months import BooksMonth
from billing.revenue.metrics.usage_revenue import usage_mrr_parameters, usage_mrr_sql
from customers.models import Seller
from invoices.documents.calendar_months import month_before
from lib import sql
from lib.decimals import ZERO
from plans.metrics.monthly_amounts import round_sum
from plans.metrics.usage_outlook import QUARTER

_LIVE_USAGE = f"SELECT number, sum(usage) FROM ({usage_mrr_sql()}) used GROUP BY 1"  # noqa: S608

_FROZEN_USAGE = """
SELECT lock_id, sum(usage) FROM billing_recurringrevenue
WHERE lock_id = ANY(%s) AND currency = %s AND usage > 0 GROUP BY 1
"""

_CUSTOMERS = """
SELECT u.customer_id, c.external_id, c.legal_name, u.usage, sum(u.usage) OVER (), count(*) OVER ()
FROM ({usage}) u JOIN customers_customer c ON c.id = u.customer_id
WHERE u.usage > 0 ORDER BY u.usage DESC, u.customer_id OFFSET %(offset)s LIMIT %(limit)s
"""
_FROZEN_OF_CUSTOMERS = """
SELECT customer_id, usage FROM billing_recurringrevenue WHERE lock_id = %(lock)s AND currency = %(currency)s
"""


def with_usage(
    seller: Seller, currency: str, months: Sequence[BooksMonth], shown: Sequence[MonthMovements]
) -> list[MonthMovements]:
    """Return the months with their usage MRR; a running month has that of the three complete ones before it."""
    complete = [month for month in months if month.is_over]
    places = {month.month: place for place, month in enumerate(complete)}
    measured = {
        row.month.month: row.month.month if row.month.is_over else month_before(row.month.month) for row in shown
    }
    locks = [lock for month in measured.values() if month in places and (lock := complete[places[month]].lock_id)]
    frozen = dict(sql.fetch_rows(_FROZEN_USAGE, [locks, currency])) if locks else {}
    wanted = [
        month
        for month in {*measured.values()}
        if places.get(month, 0) >= QUARTER - 1 and complete[places[month]].lock_id is None
    ]
    live: dict[date, Decimal] = {}
    if wanted:
        needed = complete[places[min(wanted)] - QUARTER + 1 :]
        parameters = usage_mrr_parameters(seller, needed, wanted, currency=currency)
        live = {needed[number - 1].month: usage for number, usage in sql.fetch_rows(_LIVE_USAGE, parameters)}

    def usage_of(month: date) -> Decimal | None:
        if month not in places:
            return None
        lock_id = complete[places[month]].lock_id
        if lock_id is not None:
            frozen_usage: Decimal = frozen.get(lock_id, ZERO)
            return frozen_usage
        return live.get(month, ZERO) if places[month] >= QUARTER - 1 else None

    return [replace(row, usage=usage_of(measured[row.month.month])) for row in shown]


def read_usage_page(
    seller: Seller, currency: str, months: Sequence[BooksMonth], *, offset: int, limit: int
) -> UsagePage:
    """
    Return a page of the customers behind the usage MRR of the last of these months, the largest first.

    months: of the books, from the first one. A running month has the usage MRR of the three complete ones before it.
    """
    complete = [month for month in months if month.is_over]
    if complete and (lock_id := complete[-1].lock_id) is not None:
        usage, parameters = _FROZEN_OF_CUSTOMERS, {"lock": lock_id, "currency": currency}
    elif len(complete) >= QUARTER:
        quarter = complete[-QUARTER:]
        usage = usage_mrr_sql()
        parameters = usage_mrr_parameters(seller, quarter, [quarter[-1].month], currency=currency)
    else:
        return UsagePage([], ZERO, 0)
    rows = sql.fetch_rows(_CUSTOMERS.format(usage=usage), parameters | {"offset": offset, "limit": limit})
    total, count = rows[0][-2:] if rows else (ZERO, 0)
    customers = [
        CustomerUsage(id_, external_id, name, round_sum(amount, currency))
        for id_, external_id, name, amount, _total, _count in rows
    ]
    return UsagePage(customers, round_sum(total, currency), count)
