"""
Lock due periods. A period's row is the gate between usage and closing: docs/closing.md#the-gate.

Chunks are locked without waiting: rows that ingest or another worker holds are skipped. The few left over are locked
with waiting, one period at a time, in the order of ids, as ingest locks them, so that no deadlock arises.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from billing.subscriptions.test_clock_filters import test_clock_condition
from lib import sql


class QueuePosition(NamedTuple):
    """The position that a run has reached in the queue of due periods."""

    due_at: datetime
    period_id: int


_IS_DUE = "p.state = 'open' AND p.due_at <= %(at)s AND (p.retry_at IS NULL OR p.retry_at <= %(at)s)"

# SKIP LOCKED: any number of workers claim different periods; the order is that of the index on (due_at, id).
_LOCK_DUE = f"""
SELECT p.due_at, p.id FROM billing_period p
WHERE {_IS_DUE} AND {{in_time}} AND (%(due_at)s::timestamptz IS NULL OR (p.due_at, p.id) > (%(due_at)s, %(id)s))
ORDER BY p.due_at, p.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""  # noqa: S608

# Whether a late period's invoice bills all of the period and nothing but it and its fees: no other subscription, no
# coupon, no commitment, and nothing credited. Then it can be replaced as a whole; otherwise the next invoice bills
# the late usage.
REPLACEABLE = """
EXISTS (SELECT FROM invoices_invoice i WHERE i.id = l.invoice_id AND i.state <> 'void' AND i.credited = 0)
AND NOT EXISTS (
    SELECT FROM billing_billedusage b JOIN invoices_line n ON n.id = b.line_id
    WHERE b.period_id = l.id AND b.corrects_line_id = 0 AND n.invoice_id <> l.invoice_id AND NOT EXISTS (
        SELECT FROM invoices_invoice r WHERE r.corrects_id = n.invoice_id AND r.kind = 'invoice'))
AND NOT EXISTS (SELECT FROM invoices_line n WHERE n.invoice_id = l.invoice_id AND n.kind NOT IN ('fee', 'usage'))
AND NOT EXISTS (SELECT FROM billing_redemption n WHERE n.subscription_id = l.subscription_id)
AND NOT EXISTS (
    SELECT FROM billing_redemption n JOIN billing_subscription h ON h.customer_id = n.customer_id
    WHERE h.id = l.subscription_id)
AND NOT EXISTS (SELECT FROM invoices_section n WHERE n.invoice_id = l.invoice_id)
AND NOT EXISTS (SELECT FROM plans_commitment n WHERE n.version_id = l.version_id)
AND NOT EXISTS (SELECT FROM billing_subscriptioncommitment n WHERE n.subscription_id = l.subscription_id)
"""

ON_NEXT_INVOICE = f"(se.late_usage = 'next_invoice' OR (se.late_usage = 'reissue' AND NOT ({REPLACEABLE})))"

AFTER_THE_OLD_PART = """
NOT EXISTS (SELECT FROM billing_period old
    WHERE old.id = l.continues_id AND old.state = 'closed' AND old.late_since IS NOT NULL)
"""
"""
SQL condition: the late period `l` continues none whose late usage is still to be billed, which would move its tiers.
"""

# SKIP LOCKED: an invoice run never waits; periods that others hold stay open and are retried.
_LOCK_ENDED = """
SELECT p.id FROM billing_period p WHERE p.id = ANY(%s) AND p.state = 'open' AND p.ends_at <= %s
ORDER BY p.due_at, p.id FOR UPDATE SKIP LOCKED
"""

_LATE_PERIODS = f"""
SELECT l.id, l.subscription_id FROM billing_period l
JOIN billing_subscription s ON s.id = l.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
JOIN customers_seller se ON se.id = s.seller_id
WHERE l.late_since IS NOT NULL AND l.state = 'closed' AND l.subscription_id = ANY(%s) AND {ON_NEXT_INVOICE}
    AND {AFTER_THE_OLD_PART}
"""  # noqa: S608

# Row locks: a credit note by hand waits, so that the amounts left to credit stay as the close reads them.
_LOCK_INVOICES = """
SELECT i.id FROM invoices_invoice i WHERE i.id IN (
    SELECT l.invoice_id FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
    WHERE b.period_id = ANY(%s)
) ORDER BY i.id FOR NO KEY UPDATE
"""


def lock_due_periods(
    *, at: datetime, limit: int, after: QueuePosition | None, clock_id: int | None = None
) -> list[QueuePosition]:
    """
    Lock up to `limit` due periods that no other transaction holds, after a position in the queue, in its order.

    clock_id: limit to customers on this test clock; None means real time.
    """
    due_at, id_ = after or (None, None)
    statement = _LOCK_DUE.format(in_time=test_clock_condition(clock_id, "p.subscription_id"))
    rows = sql.fetch_rows(statement, {"at": at, "due_at": due_at, "id": id_, "limit": limit})
    return [QueuePosition(*row) for row in rows]


def lock_ended_periods(period_ids: Sequence[int], *, at: datetime) -> list[int]:
    """Lock those of these periods that are open, over and not held by others, in the queue's order."""
    return sql.fetch_column(_LOCK_ENDED, [list(period_ids), at])


def read_due_period_ids(*, at: datetime, limit: int, clock_id: int | None = None) -> list[int]:
    """Return due periods, locked by others or not, in the queue's order. clock_id: as for `lock_due_periods`."""
    in_time = test_clock_condition(clock_id, "p.subscription_id")
    query = f"SELECT p.id FROM billing_period p WHERE {_IS_DUE} AND {in_time}"  # noqa: S608
    return sql.fetch_column(f"{query} ORDER BY p.due_at, p.id LIMIT %(limit)s", {"at": at, "limit": limit})


def lock_late_periods(subscription_ids: Sequence[int]) -> tuple[dict[int, list[int]], set[int]]:
    """
    Lock the late periods of these subscriptions that no other transaction holds, where the seller bills them on the
    next invoice.

    Return subscription → its late periods, and the subscriptions with a late period that another transaction holds:
    they must wait for a later pass.
    """
    ids_by_subscription = read_late_period_ids(subscription_ids)
    if not ids_by_subscription:
        return {}, set()
    late_ids = {id_ for ids in ids_by_subscription.values() for id_ in ids}
    # SKIP LOCKED: waiting here could deadlock, because the chunk's own periods are locked already.
    statement = "SELECT id FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED"
    locked = set(sql.fetch_column(statement, [sorted(late_ids)]))
    waiting = {subscription_id for subscription_id, ids in ids_by_subscription.items() if not locked.issuperset(ids)}
    return {
        subscription_id: ids for subscription_id, ids in ids_by_subscription.items() if subscription_id not in waiting
    }, waiting


def read_late_period_ids(subscription_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return subscription → late periods to bill on its next invoice, not locked."""
    ids_by_subscription: dict[int, list[int]] = {}
    for id_, subscription_id in sql.fetch_rows(_LATE_PERIODS, [list(subscription_ids)]):
        ids_by_subscription.setdefault(subscription_id, []).append(id_)
    return ids_by_subscription


def lock_invoices_of_periods(period_ids: Sequence[int]) -> None:
    """Lock the invoices that bill these late periods, so that the amounts left to credit stay as they are read."""
    if period_ids:
        sql.execute(_LOCK_INVOICES, [list(period_ids)])


def lock_periods(period_ids: Sequence[int], *, milliseconds: int) -> None:
    """
    Lock these periods in the order of their ids, waiting at most `milliseconds` for each.

    :raises OperationalError: if a lock was not granted in time.
    """
    # `true` limits the setting to this transaction; SET LOCAL accepts no parameters.
    sql.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
    sql.execute("SELECT id FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(period_ids)])
