"""
Effects of time on wallets: holds lapse, lots expire or roll over, and a lot that becomes valid repays debt.

Each wallet is a transaction of its own, and its rows show whether it is due: a killed worker leaves nothing
half-done, and several workers share the work.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from customers.customer_time import clock_sql
from lib.queue import NO_DEADLINE, Deadline, lock_free_row
from wallets.ledger.expiry import expire
from wallets.ledger.hold import lapse_holds
from wallets.ledger.locked_wallets import lock_customer_wallets
from wallets.ledger.transactions import Sheet, write
from wallets.models import Wallet

# Ids in memory at a time; each wallet is a transaction of its own, so this bounds no lock.
BATCH_SIZE = 10_000

_log = logging.getLogger(__name__)

# Waits for late usage for the seller's grace period, as billing does. Reads due lots by the index on expiry, and
# wallets with debt by a partial index; pages by wallet id.
_DUE_WALLETS = """
WITH due AS (
    SELECT l.wallet_id AS id FROM wallets_lot l
    JOIN wallets_wallet w ON w.id = l.wallet_id
    JOIN customers_seller s ON s.id = w.seller_id
    WHERE l.has_left AND l.expires_at <= %(at)s AND l.remaining > l.held AND l.expires_at + s.grace <= %(at)s
    UNION
    SELECT w.id FROM wallets_wallet w JOIN wallets_lot l ON l.wallet_id = w.id AND l.has_left
    WHERE w.debt > 0 AND l.remaining > l.held AND l.features = '{{}}' AND l.valid_from <= %(at)s
        AND (l.expires_at IS NULL OR l.expires_at > %(at)s)
)
SELECT w.id, s.grace FROM due JOIN wallets_wallet w ON w.id = due.id AND w.closed_at IS NULL
JOIN customers_seller s ON s.id = w.seller_id
WHERE {in_time} AND w.id > %(after)s ORDER BY w.id LIMIT %(limit)s
"""
_LAPSED_HOLDS = """
SELECT customer_id, array_agg(DISTINCT unit ORDER BY unit) FROM wallets_hold
WHERE state = 'open' AND until <= %(at)s AND {in_time} AND customer_id > %(after)s
GROUP BY 1 ORDER BY 1 LIMIT %(limit)s
"""


@dataclass(slots=True)
class ExpiryRun:
    """Counts of a run: customers whose holds lapsed, lots expired, and failed wallets or customers."""

    lapsed: int = 0
    expired: int = 0
    failed: int = 0


def expire_due(
    *,
    at: datetime,
    clock_id: int | None = None,
    batch_size: int = BATCH_SIZE,
    deadline: Deadline = NO_DEADLINE,
) -> ExpiryRun:
    """
    Expire everything that is due in all wallets at `at`, and return the counts.

    clock_id: limit to customers on this test clock; None means real time.
    deadline: wallets left when it is over stay due, as do wallets that others hold.

    A failure is logged, and the run continues.
    """
    run = ExpiryRun()
    lapsed_query = _LAPSED_HOLDS.format(in_time=clock_sql(clock_id, "customer_id"))
    due_query = _DUE_WALLETS.format(in_time=clock_sql(clock_id, "w.customer_id"))
    for customer_id, units in deadline.limit(_read_in_batches(lapsed_query, batch_size, at)):
        lapse = partial(_lapse_holds, customer_id, units, at)
        run.lapsed += _run_isolated(run, lapse, f"holds of customer {customer_id}")
    for wallet_id, grace_period in deadline.limit(_read_in_batches(due_query, batch_size, at)):
        run.expired += _run_isolated(run, partial(_expire_wallet, wallet_id, grace_period, at), f"wallet {wallet_id}")
    return run


def _read_in_batches(query: str, batch_size: int, at: datetime) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query in batches; each batch continues after the first column of the last row."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, {"at": at, "after": after, "limit": batch_size})
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < batch_size:
            return
        after = rows[-1][0]


def _run_isolated(run: ExpiryRun, action: Callable[[], int], subject: str) -> int:
    try:
        with transaction.atomic():
            return action()
    except Exception:
        # Without a connection the other wallets can't be processed either.
        if not connection.is_usable():
            raise
        _log.exception("%s: due expiries and rollovers failed", subject)
        run.failed += 1
        return 0


def _lapse_holds(customer_id: int, units: Sequence[str], at: datetime) -> int:
    wallets_by_key = lock_customer_wallets([(customer_id, unit) for unit in units], used_at=at)
    for (_, unit), wallets in wallets_by_key.items():
        lapse_holds(wallets, customer_id, unit, at=at)
        write(Sheet(at), wallets)
    return 1


def _expire_wallet(wallet_id: int, grace_period: timedelta, at: datetime) -> int:
    # A wallet that a spend or another worker holds is left for the next run.
    if lock_free_row(Wallet.objects.filter(pk=wallet_id).only("pk")) is None:
        return 0
    return expire(wallet_id=wallet_id, at=at, grace_period=grace_period)
