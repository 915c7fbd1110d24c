"""
The balances that every metric is read from: recurring revenue by customer, currency and month end.

Locked months are read from the rows that their locks froze, open months from the subscriptions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from billing.revenue.metrics.live_balances import ANY_CURRENCY, LIVE_BALANCES, live_parameters
from billing.revenue.metrics.months import BooksMonth
from customers.models import Seller

# A frozen row that changes the balance is a change at its month end. After the last locked month, the frozen balances
# end, and those of open months begin.
_FROZEN = """
frozen AS (
    SELECT customer_id, currency, number AS n, net - opening AS net, gross - gross_opening AS gross
    FROM billing_recurringrevenue JOIN unnest(%(locks)s::bigint[], %(numbers)s::int[]) AS l(lock_id, number)
        USING (lock_id)
    WHERE currency LIKE %(currency)s AND (net <> opening OR gross <> gross_opening)
),
edges AS (
    SELECT * FROM frozen
    UNION ALL
    SELECT customer_id, currency, %(first_after)s, -sum(net), -sum(gross) FROM frozen
    WHERE %(first_after)s <= %(months)s GROUP BY 1, 2
    UNION ALL
    SELECT customer_id, currency, edge.n + shift, edge.sign * net, edge.sign * gross
    FROM live JOIN unnest(%(live_from)s::int[], %(live_to)s::int[], %(shift)s::int[])
        AS block(live_from, live_to, shift) ON live_from <= last AND live_to >= first,
    LATERAL (VALUES (greatest(first, live_from), 1), (least(last, live_to) + 1, -1)) AS edge(n, sign)
    WHERE edge.n + shift <= %(months)s
),
changes AS (
    SELECT customer_id, currency, n, sum(net) OVER months AS net, sum(gross) OVER months AS gross FROM (
        SELECT customer_id, currency, n, sum(net) AS net, sum(gross) AS gross FROM edges
        GROUP BY 1, 2, 3 HAVING sum(net) <> 0 OR sum(gross) <> 0
    ) merged WINDOW months AS (PARTITION BY customer_id, currency ORDER BY n)
)
"""

_LIVE_ONLY = "changes AS (SELECT customer_id, currency, first AS n, net, gross FROM live)"

_MOVES = """
moves AS (
    SELECT *, CASE WHEN opening = net THEN NULL
        WHEN opening = 0 THEN CASE WHEN had_revenue THEN 'reactivation' ELSE 'new' END
        WHEN net = 0 THEN 'churn' WHEN net > opening THEN 'expansion' ELSE 'contraction' END AS kind
    FROM (
        SELECT customer_id, currency, n, net, gross, lag(net, 1, 0.0) OVER earlier AS opening,
            lag(gross, 1, 0.0) OVER earlier AS gross_opening,
            coalesce(max(net) OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0, false)
                AS had_revenue
        FROM changes WINDOW earlier AS (PARTITION BY customer_id, currency ORDER BY n)
    ) t
)
"""


class BalancesStatement(NamedTuple):
    """
    The beginning of a statement, up to its CTE `moves`, and its parameters.

    `moves` has a row for each customer, currency and month end `n` (numbered from 1) at which recurring revenue
    changes: `opening` and `net` before and after it, `kind` of the movement (null if only `gross` changes), and
    `gross_opening` and `gross` before discounts. `net` holds until the customer's next row.
    """

    start: str
    parameters: dict[str, Any]


def balances_statement(
    seller: Seller, months: Sequence[BooksMonth], *, currency: str = ANY_CURRENCY
) -> BalancesStatement:
    """Return the beginning of a statement over all changes of recurring revenue in these months."""
    live = [month.ends_at for month in months if month.lock_id is None]
    parameters = live_parameters(seller, live, currency=currency) | {"months": len(months)}
    locked = {number: month.lock_id for number, month in enumerate(months, 1) if month.lock_id is not None}
    if not locked:
        return BalancesStatement(f"WITH live AS ({LIVE_BALANCES}), {_LIVE_ONLY}, {_MOVES}", parameters)
    blocks = list(_live_blocks(months))
    parameters |= {
        "locks": list(locked.values()),
        "numbers": list(locked),
        "first_after": max(locked) + 1,
        "live_from": [block[0] for block in blocks],
        "live_to": [block[1] for block in blocks],
        "shift": [block[2] for block in blocks],
    }
    return BalancesStatement(f"WITH live AS ({LIVE_BALANCES}), {_FROZEN}, {_MOVES}", parameters)


def _live_blocks(months: Sequence[BooksMonth]) -> Iterator[tuple[int, int, int]]:
    """
    Yield blocks of consecutive open months: their first and last number among the open months, and the difference to
    the number among all months.
    """
    first, open_before = 0, 0
    for number, month in enumerate(months, 1):
        if month.lock_id is None:
            open_before += 1
            first = first or open_before
        elif first:
            yield first, open_before, number - 1 - open_before
            first = 0
    if first:
        yield first, open_before, len(months) - open_before
