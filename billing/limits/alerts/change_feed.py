"""
What has changed since the last look: read from the numbers that rows are given, without missing one that is late.

Rows are numbered before their transaction ends, so a low number may show after a higher one. A number is a position
only once every transaction that had begun when it was noted has ended: docs/decisions/0031.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from billing.models import ChangeCursor
from lib import prepared_statements
from lib.failpoints import reached


@dataclass(frozen=True, slots=True)
class Source:
    """
    A table whose rows are numbered in a sequence.

    customers: SQL for the customers of the rows with a number in (%(after)s, %(until)s].
    """

    name: str
    sequence: str
    customers: str


EVENTS = Source(
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
WALLETS = Source(
    "wallets",
    "wallets_transaction_id_seq",
    """
    SELECT DISTINCT w.customer_id FROM wallets_transaction t JOIN wallets_wallet w ON w.id = t.wallet_id
    WHERE t.id > %(after)s AND t.id <= %(until)s
    """,
)
CAPS = Source(
    "caps",
    "billing_spendcapevent_pgh_id_seq",
    """
    SELECT DISTINCT coalesce(c.customer_id, s.customer_id) AS customer_id
    FROM billing_spendcapevent c LEFT JOIN billing_subscription s ON s.id = c.subscription_id
    WHERE c.pgh_id > %(after)s AND c.pgh_id <= %(until)s
    """,
)
OVERRIDES = Source(
    "overrides",
    "billing_overrideevent_pgh_id_seq",
    """
    SELECT DISTINCT s.customer_id
    FROM billing_overrideevent o JOIN billing_subscription s ON s.id = o.subscription_id
    WHERE o.pgh_id > %(after)s AND o.pgh_id <= %(until)s
    """,
)
ALERT_RULES = Source(
    "alert_rules",
    "billing_alertruleevent_pgh_id_seq",
    """
    SELECT DISTINCT customer_id FROM billing_alertruleevent
    WHERE pgh_id > %(after)s AND pgh_id <= %(until)s AND customer_id IS NOT NULL
    """,
)

SOURCES = (EVENTS, WALLETS, CAPS, OVERRIDES, ALERT_RULES)


class Step(NamedTuple):
    """
    What to look at: rows with numbers in (after, until]. position: the number up to which all will be seen then.

    noted, horizon: what is noted for the next look.
    """

    after: int
    until: int
    position: int
    noted: int
    horizon: int


class Seen(NamedTuple):
    """The last number given out and, read after it, the oldest other transaction that runs and the next to begin."""

    last: int
    oldest: int
    next: int


def step_from(watch: ChangeCursor, seen: Seen) -> Step:
    """
    Return what to look at next.

    What was noted before is a position once all that ran then is over; if nothing runs now, so is what is seen now.
    """
    if seen.oldest == seen.next:
        return Step(watch.position, seen.last, seen.last, seen.last, seen.next)
    if seen.oldest >= watch.horizon:
        return Step(watch.position, seen.last, watch.noted, seen.last, seen.next)
    return Step(watch.position, seen.last, watch.position, watch.noted, watch.horizon)


_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"
_RUNNING = """
SELECT coalesce((SELECT min(running::text::bigint) FROM pg_snapshot_xip(snapshot) AS running),
    pg_snapshot_xmax(snapshot)::text::bigint), pg_snapshot_xmax(snapshot)::text::bigint
FROM pg_current_snapshot() AS snapshot
"""
# In order, so that two who follow different tables wait for one another and never deadlock.
_QUEUE = """
INSERT INTO billing_pendingevaluation AS l (customer_id, due_at, is_whole)
SELECT customer_id, %(at)s, false FROM ({customers}) AS changed ORDER BY customer_id
ON CONFLICT (customer_id) DO UPDATE SET due_at = least(l.due_at, excluded.due_at)
"""


@transaction.atomic
def follow(source: Source, *, at: datetime) -> int:
    """Queue the customers of the rows that are new in a table, and return how many; none while another is at it."""
    ChangeCursor.objects.get_or_create(source=source.name)
    watch = ChangeCursor.objects.select_for_update(skip_locked=True).filter(source=source.name).first()
    if watch is None:
        return 0
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LAST.format(sequence=source.sequence))
        last = cursor.fetchone()[0]
        # A statement of its own, after the number: whoever drew one up to it had begun before this snapshot.
        cursor.execute(_RUNNING)
        step = step_from(watch, Seen(last, *cursor.fetchone()))
        queued = 0
        if step.until > step.after:
            changed = {"after": step.after, "until": step.until, "at": at}
            cursor.execute(_QUEUE.format(customers=source.customers), changed)
            queued = cursor.rowcount
    reached("guard.after_queueing")
    watch.position, watch.noted, watch.horizon, watch.looked_at = step.position, step.noted, step.horizon, at
    watch.save()
    return queued
