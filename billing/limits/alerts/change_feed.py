"""
Find the rows added since the last evaluation by their sequence numbers, without missing rows that commit late.

A row gets its number before its transaction ends, so a low number may become visible after a higher one. A number is
a safe position only after every transaction that was running when it was noted has ended: docs/decisions/0031.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from billing.models import ChangeCursor
from lib import prepared_statements
from lib.failpoints import hit_failpoint
from lib.queue import lock_free_row


@dataclass(frozen=True, slots=True)
class ChangeSource:
    """
    A table whose rows are numbered by a sequence.

    customers_sql: SQL for the customers of the rows with a number in (%(after)s, %(until)s].
    """

    name: str
    sequence: str
    customers_sql: str


EVENTS = ChangeSource(
    "events",
    "billing_event_sequence",
    """
    SELECT customer_id FROM billing_event WHERE sequence > %(after)s AND sequence <= %(until)s
        AND customer_id IS NOT NULL
    UNION
    SELECT e.customer_id FROM billing_correction c JOIN billing_event e ON e.key = c.event_key
    WHERE c.sequence > %(after)s AND c.sequence <= %(until)s AND e.customer_id IS NOT NULL
    UNION
    SELECT customer_id FROM billing_unmatchedusage WHERE resolved_sequence > %(after)s
        AND resolved_sequence <= %(until)s AND customer_id IS NOT NULL
    """,
)
WALLETS = ChangeSource(
    "wallets",
    "wallets_transaction_id_seq",
    """
    SELECT DISTINCT w.customer_id FROM wallets_transaction t JOIN wallets_wallet w ON w.id = t.wallet_id
    WHERE t.id > %(after)s AND t.id <= %(until)s
    """,
)
CAPS = ChangeSource(
    "caps",
    "billing_spendcapevent_pgh_id_seq",
    """
    SELECT DISTINCT coalesce(c.customer_id, s.customer_id) AS customer_id
    FROM billing_spendcapevent c LEFT JOIN billing_subscription s ON s.id = c.subscription_id
    WHERE c.pgh_id > %(after)s AND c.pgh_id <= %(until)s
    """,
)
OVERRIDES = ChangeSource(
    "overrides",
    "billing_overrideevent_pgh_id_seq",
    """
    SELECT DISTINCT s.customer_id
    FROM billing_overrideevent o JOIN billing_subscription s ON s.id = o.subscription_id
    WHERE o.pgh_id > %(after)s AND o.pgh_id <= %(until)s
    """,
)
ALERT_RULES = ChangeSource(
    "alert_rules",
    "billing_alertruleevent_pgh_id_seq",
    """
    SELECT DISTINCT customer_id FROM billing_alertruleevent
    WHERE pgh_id > %(after)s AND pgh_id <= %(until)s AND customer_id IS NOT NULL
    """,
)

# A plan change splits the period, so the spend of a subscription changes without usage.
SUBSCRIPTIONS = ChangeSource(
    "subscriptions",
    "billing_subscriptionevent_pgh_id_seq",
    """
    SELECT DISTINCT customer_id FROM billing_subscriptionevent WHERE pgh_id > %(after)s AND pgh_id <= %(until)s
    """,
)

SOURCES = (EVENTS, WALLETS, CAPS, OVERRIDES, ALERT_RULES, SUBSCRIPTIONS)


class SequenceRange(NamedTuple):
    """
    The rows to scan, with numbers in (after, until].

    position: every row up to this number has been scanned afterwards.
    noted, horizon: the values to store for the next scan.
    """

    after: int
    until: int
    position: int
    noted: int
    horizon: int


class SequenceSnapshot(NamedTuple):
    """The last number drawn and, read after it, the oldest other running transaction and the next one to begin."""

    last_number: int
    oldest_transaction: int
    next_transaction: int


def next_range(change_cursor: ChangeCursor, snapshot: SequenceSnapshot) -> SequenceRange:
    """
    Return the next range to scan.

    The number noted earlier becomes the position once every transaction that was running then has ended. If no other
    transaction runs now, the last number becomes the position at once.
    """
    if snapshot.oldest_transaction == snapshot.next_transaction:
        return SequenceRange(
            change_cursor.position,
            snapshot.last_number,
            snapshot.last_number,
            snapshot.last_number,
            snapshot.next_transaction,
        )
    if snapshot.oldest_transaction >= change_cursor.horizon:
        return SequenceRange(
            change_cursor.position,
            snapshot.last_number,
            change_cursor.noted,
            snapshot.last_number,
            snapshot.next_transaction,
        )
    return SequenceRange(
        change_cursor.position,
        snapshot.last_number,
        change_cursor.position,
        change_cursor.noted,
        change_cursor.horizon,
    )


_LAST_NUMBER = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"
_RUNNING_TRANSACTIONS = """
SELECT coalesce((SELECT min(running::text::bigint) FROM pg_snapshot_xip(snapshot) AS running),
    pg_snapshot_xmax(snapshot)::text::bigint), pg_snapshot_xmax(snapshot)::text::bigint
FROM pg_current_snapshot() AS snapshot
"""
# Ordered by customer, so that two workers scanning different tables wait for one another and never deadlock.
_QUEUE_CUSTOMERS = """
INSERT INTO billing_pendingevaluation AS l (customer_id, due_at, is_whole)
SELECT customer_id, %(at)s, false FROM ({customers}) AS changed ORDER BY customer_id
ON CONFLICT (customer_id) DO UPDATE SET due_at = least(l.due_at, excluded.due_at)
"""


@transaction.atomic
def queue_changed_customers(source: ChangeSource, *, at: datetime) -> int:
    """Queue the customers of a table's new rows; return how many, or 0 while another worker scans the table."""
    ChangeCursor.objects.get_or_create(source=source.name)
    # One worker scans a table at a time; the others skip it rather than wait.
    change_cursor = lock_free_row(ChangeCursor.objects.filter(source=source.name))
    if change_cursor is None:
        return 0
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LAST_NUMBER.format(sequence=source.sequence))
        [(last_number,)] = cursor.fetchall()
        # A separate statement after reading the number: every transaction that drew a number up to it had begun
        # before this snapshot.
        cursor.execute(_RUNNING_TRANSACTIONS)
        [transactions] = cursor.fetchall()
        scan = next_range(change_cursor, SequenceSnapshot(last_number, *transactions))
        queued = 0
        if scan.until > scan.after:
            params = {"after": scan.after, "until": scan.until, "at": at}
            cursor.execute(_QUEUE_CUSTOMERS.format(customers=source.customers_sql), params)
            queued = cursor.rowcount
    hit_failpoint("guard.after_queueing")
    change_cursor.position, change_cursor.noted, change_cursor.horizon, change_cursor.looked_at = (
        scan.position,
        scan.noted,
        scan.horizon,
        at,
    )
    change_cursor.save()
    return queued
