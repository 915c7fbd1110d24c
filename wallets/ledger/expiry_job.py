"""
What time does to wallets: holds lapse, lots expire or roll over, and a lot that has begun pays what is owed.

Each wallet is a transaction of its own, and its rows say whether something is due: a worker that dies leaves nothing
half-done, and several share the work.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

from django.db import connection, transaction

from customers.customer_time import of_clock
from wallets.ledger.expiry import expire
from wallets.ledger.hold import lapse
from wallets.ledger.locked_wallets import open_of_customers
from wallets.ledger.transactions import Sheet, write

BATCH = 10_000

_log = logging.getLogger(__name__)

# Late usage is waited for as long as the seller waits for it before a period is billed.
_DUE = """
WITH due AS (
    SELECT l.wallet_id AS id FROM wallets_lot l
    JOIN wallets_wallet w ON w.id = l.wallet_id
    JOIN customers_customer c ON c.id = w.customer_id JOIN customers_seller s ON s.id = c.seller_id
    WHERE l.has_left AND l.expires_at <= %(at)s AND l.remaining > l.held AND l.expires_at + s.grace <= %(at)s
    UNION
    SELECT w.id FROM wallets_wallet w JOIN wallets_lot l ON l.wallet_id = w.id AND l.has_left
    WHERE w.debt > 0 AND l.remaining > l.held AND l.features = '{{}}' AND l.valid_from <= %(at)s
        AND (l.expires_at IS NULL OR l.expires_at > %(at)s)
)
SELECT w.id, s.grace FROM due JOIN wallets_wallet w ON w.id = due.id AND w.closed_at IS NULL
JOIN customers_customer c ON c.id = w.customer_id JOIN customers_seller s ON s.id = c.seller_id
WHERE {in_time} AND w.id > %(after)s ORDER BY w.id LIMIT %(limit)s
"""
_OVER = """
SELECT customer_id, array_agg(DISTINCT unit ORDER BY unit) FROM wallets_hold
WHERE state = 'open' AND until <= %(at)s AND {in_time} AND customer_id > %(after)s
GROUP BY 1 ORDER BY 1 LIMIT %(limit)s
"""
_CLAIM = "SELECT FROM wallets_wallet WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"


@dataclass(slots=True)
class Swept:
    """Counts of a run: customers whose holds lapsed, lots that expired, and wallets or customers that failed."""

    lapsed: int = 0
    expired: int = 0
    failed: int = 0


def sweep(
    *,
    at: datetime,
    clock: int | None = None,
    batch: int = BATCH,
    keep_going: Callable[[], bool] = lambda: True,
) -> Swept:
    """
    Do what is due in all wallets at `at`, and return what came of it.

    clock: of customers in this test clock's time; in real time for None.
    keep_going: asked before each wallet; what is left then is due as before, and so is a wallet that somebody else
    holds, or that cannot be done: why is logged, and the others go on.
    """
    swept = Swept()
    over = _OVER.format(in_time=of_clock(clock, "customer_id"))
    due = _DUE.format(in_time=of_clock(clock, "c.id"))
    for customer_id, units in takewhile(lambda _: keep_going(), _batches(over, batch, at)):
        swept.lapsed += _tried(swept, partial(_lapse, customer_id, units, at), f"holds of customer {customer_id}")
    for wallet_id, waiting in takewhile(lambda _: keep_going(), _batches(due, batch, at)):
        swept.expired += _tried(swept, partial(_expire, wallet_id, waiting, at), f"wallet {wallet_id}")
    return swept


def _batches(query: str, size: int, at: datetime) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, so many at a time; each goes on after the first column of the last row."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, {"at": at, "after": after, "limit": size})
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < size:
            return
        after = rows[-1][0]


def _tried(swept: Swept, action: Callable[[], int], what: str) -> int:
    try:
        with transaction.atomic():
            return action()
    except Exception:
        if not connection.is_usable():
            raise
        _log.exception("%s: what is due cannot be done", what)
        swept.failed += 1
        return 0


def _lapse(customer_id: int, units: Sequence[str], at: datetime) -> int:
    of_units = open_of_customers([(customer_id, unit) for unit in units], used_at=at)
    for (_, unit), wallets in of_units.items():
        lapse(wallets, customer_id, unit, at=at)
        write(Sheet(at), wallets)
    return 1


def _expire(wallet_id: int, waiting: timedelta, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [wallet_id])
        if cursor.rowcount == 0:
            return 0
    return expire(wallet_id=wallet_id, at=at, waiting=waiting)
