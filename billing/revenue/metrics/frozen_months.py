"""Freeze the recurring revenue of a locked month."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from billing.revenue.metrics.live_balances import ALL_CUSTOMERS, LIVE_BALANCES
from billing.revenue.metrics.months import BooksMonth, frozen_locks, month_range
from billing.revenue.metrics.usage_revenue import usage_mrr_parameters, usage_mrr_sql
from invoices.documents.calendar_months import month_before
from invoices.models import MonthLock
from lib import sql
from plans.metrics.monthly_amounts import ROW_PLACES
from plans.metrics.usage_outlook import QUARTER

CUSTOMERS_PER_STEP = 10_000
"""Customers frozen by one statement, so that a killed job repeats little."""

ROW_DIGEST = (
    "md5(concat_ws('|', {0}lock_id, {0}seller_id, {0}customer_id, {0}currency, {0}month, {0}net, {0}gross, {0}usage,"
    " {0}opening, {0}gross_opening))::uuid"
)
"""SQL for the digest of a frozen row; {0}: the prefix of its columns."""

# ON CONFLICT: a row is frozen once, so a repeated step changes nothing.
_FREEZE = f"""
INSERT INTO billing_recurringrevenue (lock_id, seller_id, customer_id, currency, month, net, gross, usage, opening,
    gross_opening, digest)
SELECT r.*, {ROW_DIGEST.format("r.")} FROM (
    SELECT %(lock)s::bigint AS lock_id, %(seller)s::bigint AS seller_id, customer_id, currency,
        %(month)s::date AS month,
        coalesce(live.net, 0)::numeric(38, {ROW_PLACES}) AS net,
        coalesce(live.gross, 0)::numeric(38, {ROW_PLACES}) AS gross,
        coalesce(used.usage, 0)::numeric(38, {ROW_PLACES}) AS usage,
        coalesce(before.net, 0)::numeric(38, {ROW_PLACES}) AS opening,
        coalesce(before.gross, 0)::numeric(38, {ROW_PLACES}) AS gross_opening
    FROM (SELECT * FROM ({LIVE_BALANCES}) b WHERE %(number)s BETWEEN b.first AND b.last) live
    FULL JOIN ({usage_mrr_sql()}) used USING (customer_id, currency)
    FULL JOIN (
        SELECT customer_id, currency, net, gross FROM billing_recurringrevenue
        WHERE lock_id = %(lock_before)s AND customer_id BETWEEN %(first_customer)s AND %(last_customer)s
    ) before USING (customer_id, currency)
) r WHERE r.gross > 0 OR r.usage > 0 OR r.gross_opening > 0
ON CONFLICT DO NOTHING
"""  # noqa: S608

_STEPS = """
SELECT min(id), max(id) FROM (
    SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS step FROM customers_customer
    WHERE NOT sandbox AND id IN (SELECT customer_id FROM billing_subscription WHERE seller_id = %s)
) c GROUP BY step ORDER BY step
"""

_TOTALS = """
SELECT currency, count(*), sum(net), sum(gross), sum(usage), md5(string_agg(digest::text, '' ORDER BY customer_id))
FROM billing_recurringrevenue WHERE lock_id = %s GROUP BY 1 ORDER BY 1
"""


class LockNotInForce(ValueError):
    """The month was unlocked: its rows would count for nothing."""


class FrozenTotals(NamedTuple):
    """The frozen rows of a lock in one currency: their number, their sums, and a digest over their digests."""

    currency: str
    rows: int
    net: Decimal
    gross: Decimal
    usage: Decimal
    digest: str


@transaction.atomic
def freeze_recurring_revenue(*, lock: MonthLock, customers: tuple[int, int] = ALL_CUSTOMERS) -> int:
    """
    Write the recurring revenue of the lock's month, and return how many rows were new.

    customers: the first and last id of the customers to freeze; `freezing_steps` splits a seller's. A repeated step
    writes nothing, so a killed job starts over.

    :raises LockNotInForce: if the month is unlocked.

    Source: docs/metrics.md#locked-months.
    """
    # Row lock: the month can't be unlocked while its rows are written.
    locked = MonthLock.objects.select_for_update(of=("self",)).select_related("seller").get(pk=lock.pk)
    if locked.unlocked_at is not None:
        raise LockNotInForce(f"{locked} of {locked.seller} is not locked any more. Lock the month, then freeze it.")
    months = [BooksMonth(*bounds, is_over=True) for bounds in month_range(locked.seller, locked.month, count=QUARTER)]
    lock_before = frozen_locks(locked.seller).filter(month=month_before(locked.month)).first()
    parameters = usage_mrr_parameters(locked.seller, months, [locked.month], customers=customers) | {
        "lock": locked.pk,
        "lock_before": lock_before and lock_before.pk,
        "month": locked.month,
        "number": QUARTER,
    }
    return sql.execute(_FREEZE, parameters)


def freezing_steps(lock: MonthLock, *, size: int = CUSTOMERS_PER_STEP) -> Iterator[tuple[int, int]]:
    """Yield the ranges of customers to freeze, the first and last id of each."""
    yield from ((first, last) for first, last in sql.fetch_rows(_STEPS, [size, lock.seller_id]))


def total_frozen_rows(lock: MonthLock) -> list[FrozenTotals]:
    """Return the totals of a lock's frozen rows by currency."""
    return [FrozenTotals(*row) for row in sql.fetch_rows(_TOTALS, [lock.pk])]
