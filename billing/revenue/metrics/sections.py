"""The sections of a report on recurring revenue: their SQL over the CTE `moves`, and the figures of their rows."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.revenue.metrics.balances import balances_statement
from billing.revenue.metrics.figures import BalancePage, CustomerMovement, CustomerRevenue, MonthMovements
from billing.revenue.metrics.months import BooksMonth
from customers.models import Seller
from lib import sql
from lib.decimals import ZERO, exact_sum
from plans.metrics.cohorts import RevenueCohort
from plans.metrics.monthly_amounts import round_sum
from plans.metrics.movements import KINDS

MONTHS = f"""
SELECT n, {", ".join(f"coalesce(sum(net - opening) FILTER (WHERE kind = '{kind}'), 0)::text" for kind in KINDS)},
    sum(gross - gross_opening)::text, count(*) FILTER (WHERE kind IN ('new', 'reactivation')),
    count(*) FILTER (WHERE kind = 'churn')
FROM moves GROUP BY n ORDER BY n
"""  # noqa: S608

# The sum of a customer's changes up to a month end is its balance there.
RETENTION = """
SELECT coalesce(sum(before), 0)::text, coalesce(sum(after), 0)::text, coalesce(sum(least(before, after)), 0)::text,
    count(*), count(*) FILTER (WHERE after > 0)
FROM (
    SELECT sum(net - opening) FILTER (WHERE n <= %(then)s) AS before, sum(net - opening) AS after
    FROM moves GROUP BY customer_id
) customers WHERE before > 0
"""

COHORTS = """
SELECT first, n, sum(net - opening)::text,
    count(*) FILTER (WHERE kind IN ('new', 'reactivation')) - count(*) FILTER (WHERE kind = 'churn')
FROM moves JOIN (SELECT customer_id, n AS first FROM moves WHERE kind = 'new' AND n > %(first)s) starts
    USING (customer_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""

CUSTOMERS = """
SELECT m.customer_id, c.external_id, c.legal_name, m.kind, m.opening::text, m.net::text, count(*) OVER ()
FROM moves m JOIN customers_customer c ON c.id = m.customer_id
WHERE m.n = %(now)s AND m.kind = ANY(%(kinds)s)
"""

# A cohort is shown with the customers that left it, and customers of twelve months ago with those lost since.
BALANCES = """
SELECT b.customer_id, c.external_id, c.legal_name, b.before::text, b.net::text, b.gross::text,
    sum(b.before) OVER ()::text, sum(b.net) OVER ()::text, sum(b.gross) OVER ()::text, count(*) OVER ()
FROM (
    SELECT customer_id, coalesce(sum(net - opening) FILTER (WHERE n <= %(then)s), 0) AS before,
        sum(net - opening) AS net, sum(gross - gross_opening) AS gross,
        min(n) FILTER (WHERE kind = 'new') AS first
    FROM moves GROUP BY customer_id
) b JOIN customers_customer c ON c.id = b.customer_id
WHERE CASE WHEN %(cohort)s > 0 THEN b.first = %(cohort)s WHEN %(retained)s THEN b.before > 0 ELSE b.net > 0 END
ORDER BY b.net DESC, b.customer_id OFFSET %(offset)s LIMIT %(limit)s
"""


def read_sections(
    seller: Seller,
    months: Sequence[BooksMonth],
    currency: str,
    sections: Mapping[str, str],
    parameters: Mapping[str, Any],
) -> dict[str, list[list[Any]]]:
    """Return section → its rows, all read by one statement."""
    start, balance_parameters = balances_statement(seller, months, currency=currency)
    columns = ", ".join(
        f"(SELECT coalesce(json_agg(row_to_json(s)), '[]')::text FROM ({section}) s)"  # noqa: S608
        for section in sections.values()
    )
    (row,) = sql.fetch_rows(f"{start} SELECT {columns}", {**balance_parameters, **parameters})
    return dict(zip(sections, map(_decode_rows, row), strict=True))


def _decode_rows(text: str) -> list[list[Any]]:
    # Columns of one name would overwrite each other in a dictionary.
    rows: list[list[Any]] = json.loads(text, object_pairs_hook=lambda pairs: [cell for _, cell in pairs])
    return rows


def balance_page(rows: Sequence[Sequence[Any]], currency: str) -> BalancePage:
    *sums, count = rows[0][-4:] if rows else ("0", "0", "0", 0)
    then, net, gross = (round_sum(Decimal(amount), currency) for amount in sums)
    balances = [
        CustomerRevenue(row[0], row[1], row[2], *(round_sum(Decimal(amount), currency) for amount in row[3:6]))
        for row in rows
    ]
    return BalancePage(balances, then, net, gross, count)


def month_rows(rows: Sequence[Sequence[Any]], months: Sequence[BooksMonth]) -> list[MonthMovements]:
    changes = {row[0]: row[1:] for row in rows}
    nothing = ["0"] * (len(KINDS) + 1) + [0, 0]
    by_month, opening, gross, customers = [], ZERO, ZERO, 0
    for number, month in enumerate(months, 1):
        *amounts, gross_change, gained, lost = changes.get(number, nothing)
        movements = dict(zip(KINDS, map(Decimal, amounts), strict=True))
        closing = exact_sum([opening, *movements.values()])
        gross, customers = exact_sum([gross, Decimal(gross_change)]), customers + gained - lost
        by_month.append(MonthMovements(month, opening, movements, closing, gross, customers, gained, lost))
        opening = closing
    return by_month


def cohorts(rows: Sequence[Sequence[Any]], months: Sequence[BooksMonth]) -> list[tuple[date, RevenueCohort]]:
    changes: dict[int, dict[int, tuple[Fraction, int]]] = {}
    for first, number, amount, customers in rows:
        changes.setdefault(first, {})[number] = (Fraction(amount), customers)
    by_first_month = []
    for first, by_number in sorted(changes.items()):
        cohort, revenue, count = RevenueCohort(first), Fraction(0), 0
        for number in range(first, len(months) + 1):
            amount, customers = by_number.get(number, (Fraction(0), 0))
            revenue, count = revenue + amount, count + customers
            cohort.revenue.append(revenue)
            cohort.customers.append(count)
        by_first_month.append((months[first - 1].month, cohort))
    return by_first_month


def customer_movement(row: Sequence[Any], currency: str) -> CustomerMovement:
    customer_id, external_id, name, kind, *balances, _count = row
    opening, closing = (round_sum(Decimal(balance), currency) for balance in balances)
    return CustomerMovement(customer_id, external_id, name, kind, opening, exact_sum([closing, -opening]), closing)
