"""
Which periods are due for an accrual by which month's end. The tables are the queue: a pair of period and month is due
until its accrual fits the period's usage, state and time. docs/recognition.md#accruals.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from billing.revenue.ledger.books import SellerBooks
from lib import sql

REFRESH_AFTER = timedelta(days=1)
"""After which an accrual of a period that is not invoiced is computed again: prices and coupons may have changed."""

BATCH = 20_000
"""Pairs read at once: the statement reads all periods of open months, so it should not run for each chunk."""


class DueAccrual(NamedTuple):
    """A period, and the first day of the month by whose end its earnings are due. ends_at: the month's end."""

    period_id: int
    month: date
    ends_at: datetime


# A period has earnings by the ends of the months within it and, while a part of it is not invoiced, by those of the
# months after it. Late usage that is only reported is never invoiced. In a locked month, only usage that has arrived
# since counts: the difference is booked in the first open month, also if it was invoiced before this run.
_DUE = """
WITH b AS (SELECT %(months)s::date[] AS months, %(ends)s::timestamptz[] AS ends, %(open)s::int AS open),
billed_late AS (
    SELECT u.period_id FROM invoices_invoice i
    JOIN invoices_line l ON l.invoice_id = i.id AND l.kind IN ('late_usage', 'usage_credit')
    JOIN billing_billedusage u ON u.line_id = l.id
    WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.issued_at >= %(since)s::timestamptz - interval '10 minutes'
),
p AS (
    SELECT q.id, q.starts_at, q.ends_at, l.is_late, l.is_late OR q.state = 'open' AS is_due,
        width_bucket(q.starts_at, b.ends) + 1 AS first, CASE WHEN l.is_late OR q.state = 'open'
            THEN cardinality(b.ends) ELSE width_bucket(q.ends_at - interval '1 microsecond', b.ends) END AS last
    FROM b CROSS JOIN billing_period q JOIN billing_subscription s ON s.id = q.subscription_id
    JOIN customers_customer c ON c.id = s.customer_id AND s.seller_id = %(seller)s AND NOT c.sandbox
        AND c.id BETWEEN %(first_customer)s AND %(last_customer)s
    JOIN customers_seller e ON e.id = s.seller_id
    CROSS JOIN LATERAL (SELECT q.late_since IS NOT NULL AND e.late_usage <> 'report_only' AS is_late) l
    WHERE q.kind <> 'undone' AND q.starts_at < %(at)s
        AND (q.state = 'open' OR l.is_late OR q.ends_at > coalesce(b.ends[b.open - 1], '-infinity')
            OR q.id IN (SELECT period_id FROM billed_late))
)
SELECT p.id, b.months[k], b.ends[k]
FROM b CROSS JOIN p CROSS JOIN LATERAL generate_series(greatest(p.first, %(low)s), least(p.last, %(high)s)) AS k
LEFT JOIN billing_accrual a ON a.period_id = p.id AND a.month = b.months[k]
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.fingerprint), 0) AS fingerprint FROM billing_counter n WHERE n.period_id = p.id
) u
WHERE CASE
    WHEN k < b.open THEN a.fingerprint <> u.fingerprint OR a.id IS NULL AND p.is_late AND p.ends_at <= b.ends[k]
    ELSE a.id IS NULL OR a.fingerprint <> u.fingerprint OR a.computed_at < b.ends[k] AND b.ends[k] < %(at)s
        OR p.is_due AND a.computed_at < %(at)s::timestamptz - %(refresh)s::interval
        OR a.error <> '' AND a.computed_at < %(at)s
END
UNION
-- Amounts that lines account for by now, and those of a month's end that no longer lies within the period. Amounts of
-- periods that ended in a locked month stay; they count no more either.
SELECT p.id, a.month, b.ends[k]
FROM b CROSS JOIN p JOIN billing_accrual a ON a.period_id = p.id AND a.computed_at < %(at)s
CROSS JOIN LATERAL (SELECT array_position(b.months, a.month) AS k) m
WHERE k BETWEEN greatest(b.open, %(low)s) AND %(high)s AND EXISTS (
    SELECT FROM billing_accruedamount x WHERE x.accrual_id = a.id AND CASE WHEN x.is_uninvoiced THEN NOT p.is_due
        ELSE NOT (p.starts_at < b.ends[k] AND b.ends[k] < p.ends_at) END)
ORDER BY 3, 1 LIMIT %(limit)s
"""

# ON CONFLICT waits for another worker that computes the same accrual; if that one was later, there is nothing to do.
# The fingerprint is read before the usage, so usage that arrives in between makes the accrual due again.
_CLAIM = """
INSERT INTO billing_accrual AS a (period_id, month, fingerprint, computed_at, error)
SELECT q.id, %(month)s, coalesce((SELECT sum(n.fingerprint) FROM billing_counter n WHERE n.period_id = q.id), 0),
    %(at)s, ''
FROM unnest(%(ids)s::bigint[]) AS q(id) ORDER BY q.id
ON CONFLICT (period_id, month) DO UPDATE SET
    fingerprint = excluded.fingerprint, computed_at = greatest(a.computed_at, excluded.computed_at), error = ''
WHERE a.computed_at < excluded.computed_at OR a.fingerprint <> excluded.fingerprint
RETURNING a.period_id, a.id
"""


def read_due_accruals(
    books: SellerBooks,
    *,
    at: datetime,
    months: tuple[int, int] | None = None,
    customers: tuple[int, int] = (0, 2**62),
    limit: int = BATCH,
) -> list[DueAccrual]:
    """
    Return the accruals of a seller that are due, month by month.

    at: the end of the books. months: the places of the first and last month, counted from 1; default: all.
    customers: the first and last id.
    """
    low, high = months or (1, len(books.months))
    rows = sql.fetch_rows(
        _DUE,
        {
            "seller": books.seller.pk,
            "months": list(books.months),
            "ends": list(books.ends),
            "open": books.first_open,
            "since": books.locked_at,
            "low": low,
            "high": high,
            "at": at,
            "refresh": REFRESH_AFTER,
            "first_customer": customers[0],
            "last_customer": customers[1],
            "limit": limit,
        },
    )
    return [DueAccrual(*row) for row in rows]


def claim(period_ids: Sequence[int], *, month: date, at: datetime) -> dict[int, int]:
    """
    Lock these periods' accruals of a month, creating missing ones, and return period → accrual.

    One that another worker has computed since is left out.
    """
    return dict(sql.fetch_rows(_CLAIM, {"ids": list(period_ids), "month": month, "at": at}))
