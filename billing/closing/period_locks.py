"""
Lock what is due. A period's row is the gate between usage and closing: docs/closing.md#the-gate.

The many are claimed without waiting: rows that ingest or another worker holds are skipped. The few that are left over
are locked one period at a time, waiting, in the order of ids that ingest locks by, so that nobody waits in a circle.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from billing.subscriptions.test_clock_filters import test_clock_condition


class QueuePosition(NamedTuple):
    """Where a run has got to in the queue of due periods."""

    due_at: datetime
    period_id: int


_IS_DUE = "p.state = 'open' AND p.due_at <= %(at)s AND (p.retry_at IS NULL OR p.retry_at <= %(at)s)"

_LOCK_DUE = f"""
SELECT p.due_at, p.id FROM billing_period p
WHERE {_IS_DUE} AND {{in_time}} AND (%(due_at)s::timestamptz IS NULL OR (p.due_at, p.id) > (%(due_at)s, %(id)s))
ORDER BY p.due_at, p.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""  # noqa: S608

# Whether a late period's document bills all of it, and nothing but it and its fees: for no other subscription,
# without coupons and commitments, and nobody has credited any. Then it can be replaced as a whole. Elsewhere the next
# document takes what is late.
REPLACEABLE = """
EXISTS (SELECT FROM invoices_invoice i WHERE i.id = l.invoice_id AND i.state <> 'void' AND i.credited = 0)
AND NOT EXISTS (
    SELECT FROM billing_billedusage b JOIN invoices_line n ON n.id = b.line_id
    WHERE b.period_id = l.id AND b.corrects_line_id = 0 AND n.invoice_id <> l.invoice_id AND NOT EXISTS (
        SELECT FROM invoices_invoice r WHERE r.corrects_id = n.invoice_id AND r.kind = 'invoice'))
AND NOT EXISTS (SELECT FROM invoices_line n WHERE n.invoice_id = l.invoice_id AND n.kind NOT IN ('fee', 'usage'))
AND NOT EXISTS (SELECT FROM billing_redemption n WHERE n.subscription_id = l.subscription_id)
AND NOT EXISTS (SELECT FROM invoices_section n WHERE n.invoice_id = l.invoice_id)
AND NOT EXISTS (SELECT FROM plans_commitment n WHERE n.version_id = l.version_id)
AND NOT EXISTS (SELECT FROM billing_subscriptioncommitment n WHERE n.subscription_id = l.subscription_id)
"""

ON_NEXT_INVOICE = f"(se.late_usage = 'next_invoice' OR (se.late_usage = 'reissue' AND NOT ({REPLACEABLE})))"

_LOCK_ENDED = """
SELECT p.id FROM billing_period p WHERE p.id = ANY(%s) AND p.state = 'open' AND p.ends_at <= %s
ORDER BY p.due_at, p.id FOR UPDATE SKIP LOCKED
"""

_LATE_PERIODS = f"""
SELECT l.id, l.subscription_id FROM billing_period l
JOIN billing_subscription s ON s.id = l.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
JOIN customers_seller se ON se.id = c.seller_id
WHERE l.late_since IS NOT NULL AND l.state = 'closed' AND l.subscription_id = ANY(%s) AND {ON_NEXT_INVOICE}
"""  # noqa: S608

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
    Lock up to `limit` due periods that nobody else holds, beyond a place in the queue, in its order.

    clock: of customers in this test clock's time; in real time for None.
    """
    due_at, id_ = after or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK_DUE.format(in_time=test_clock_condition(clock_id, "p.subscription_id")),
            {"at": at, "due_at": due_at, "id": id_, "limit": limit},
        )
        return [QueuePosition(*row) for row in cursor.fetchall()]


def lock_ended_periods(period_ids: Sequence[int], *, at: datetime) -> list[int]:
    """Lock those of these periods that are open, over, and held by nobody else, in the queue's order."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_ENDED, [list(period_ids), at])
        return [id_ for (id_,) in cursor.fetchall()]


def read_due_period_ids(*, at: datetime, limit: int, clock_id: int | None = None) -> list[int]:
    """Return due periods of those in this time, locked by others or not, in the queue's order."""
    in_time = test_clock_condition(clock_id, "p.subscription_id")
    query = f"SELECT p.id FROM billing_period p WHERE {_IS_DUE} AND {in_time}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(
            f"{query} ORDER BY p.due_at, p.id LIMIT %(limit)s",
            {"at": at, "limit": limit},
        )
        return [id_ for (id_,) in cursor.fetchall()]


def lock_late_periods(subscription_ids: Sequence[int]) -> tuple[dict[int, list[int]], set[int]]:
    """
    Lock the late periods of these subscriptions that nobody else holds, where the seller bills them on the next one.

    Return subscription → its late periods, and the subscriptions that another transaction holds some of: they must
    wait for a later pass.
    """
    late = read_late_period_ids(subscription_ids)
    if not late:
        return {}, set()
    wanted = {id_ for ids in late.values() for id_ in ids}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED", [sorted(wanted)]
        )
        locked = {id_ for (id_,) in cursor.fetchall()}
    held = {subscription_id for subscription_id, ids in late.items() if not locked.issuperset(ids)}
    return {subscription_id: ids for subscription_id, ids in late.items() if subscription_id not in held}, held


def read_late_period_ids(subscription_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return subscription → late periods to bill on its next document, not locked."""
    late: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LATE_PERIODS, [list(subscription_ids)])
        for id_, subscription_id in cursor.fetchall():
            late.setdefault(subscription_id, []).append(id_)
    return late


def lock_invoices_of_periods(period_ids: Sequence[int]) -> None:
    """Lock the documents that bill these late periods, so that what is left of them to credit stays as it is read."""
    if period_ids:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK_INVOICES, [list(period_ids)])


def lock_periods(period_ids: Sequence[int], *, milliseconds: int) -> None:
    """
    Lock these periods in the order of their ids, waiting for others at most this long for each.

    :raises OperationalError: if a lock could not be had in time.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
        cursor.execute(
            "SELECT id FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(period_ids)]
        )
