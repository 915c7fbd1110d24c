"""Usage revenue by month: what it is, defined once, and the usage MRR that follows from it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from billing.revenue.metrics.live_balances import ALL_CUSTOMERS, ANY_CURRENCY, LIVE_BALANCES, live_parameters
from billing.revenue.metrics.months import BooksMonth
from customers.models import Seller
from invoices.amounts.line_net import line_net_sql
from plans.metrics.monthly_amounts import ROW_PLACES
from plans.metrics.usage_outlook import QUARTER


def usage_revenue_sql() -> str:
    """
    Return the query for usage revenue by customer, currency and service month: `customer_id`, `currency`, `month`,
    `amount`. Every figure on usage revenue is read by it.

    Parameters: seller, zone (the seller's), first_month, currency, first_customer, last_customer.

    It adds the issued usage lines after coupons, less credits of usage; a line belongs to the month of its last
    instant. A void invoice bills nothing.
    """
    # No usage is invoiced before the month it belongs to, so the index by date leaves out older invoices.
    return f"""
SELECT i.customer_id, i.currency,
    date_trunc('month', greatest(l.service_end - interval '1 microsecond', l.service_start)
        AT TIME ZONE %(zone)s)::date AS month,
    sum(CASE l.kind WHEN 'usage_credit' THEN -l.amount ELSE {line_net_sql("l")} END) AS amount
FROM invoices_invoice i JOIN invoices_line l ON l.invoice_id = i.id
WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.state NOT IN ('draft', 'void')
    AND i.issue_date >= %(first_month)s AND i.currency LIKE %(currency)s
    AND i.customer_id BETWEEN %(first_customer)s AND %(last_customer)s
    AND l.kind IN ('usage', 'late_usage', 'progressive', 'usage_credit')
GROUP BY 1, 2, 3
"""  # noqa: S608


def usage_mrr_sql() -> str:
    """
    Return the query for usage MRR at the end of the wanted months: `customer_id`, `currency`, `number`, `usage`.

    Usage counts beyond the commitment that the customer has at the end of the month, and at least as nothing, so that
    no month's unused commitment reduces another month's usage.

    Parameters: see `usage_mrr_parameters`.
    """
    return f"""
SELECT b.customer_id, b.currency, wanted.number,
    round(sum(b.amount) / {QUARTER}::numeric(60, 30), {ROW_PLACES}) AS usage
FROM (
    SELECT u.customer_id, u.currency, m.number, u.amount - coalesce(live.commitment, 0) AS amount
    FROM ({usage_revenue_sql()}) u
    JOIN unnest(%(months)s::date[]) WITH ORDINALITY AS m(month, number) USING (month)
    LEFT JOIN ({LIVE_BALANCES} LIMIT %(most_balances)s) live
        ON (live.customer_id, live.currency) = (u.customer_id, u.currency)
        AND m.number BETWEEN live.first AND live.last
) b JOIN unnest(%(wanted)s::int[]) AS wanted(number) ON wanted.number BETWEEN b.number AND b.number + {QUARTER - 1}
WHERE b.amount > 0 GROUP BY 1, 2, 3
"""  # noqa: S608


def usage_mrr_parameters(
    seller: Seller,
    months: Sequence[BooksMonth],
    wanted: Sequence[date],
    *,
    currency: str = ANY_CURRENCY,
    customers: tuple[int, int] = ALL_CUSTOMERS,
) -> dict[str, Any]:
    """
    Return the parameters of `usage_mrr_sql`.

    months: complete and consecutive, with the two before each wanted one as far as the books have them. Query rows
    are numbered by their place in it, from 1.
    """
    ends = [month.ends_at for month in months]
    numbers = {month.month: number for number, month in enumerate(months, 1)}
    parameters = live_parameters(seller, ends, currency=currency, customers=customers)
    return parameters | {
        # Without any commitment, no balance is needed: null is no limit.
        "most_balances": None if parameters["minimums"] else 0,
        "zone": seller.time_zone,
        "first_month": months[0].month if months else date.max,
        "months": list(numbers),
        "wanted": [numbers[month] for month in wanted],
    }
