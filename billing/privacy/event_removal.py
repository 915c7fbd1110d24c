"""
The removal of old events: docs/personal-data.md#events.

A customer's events leave up to a time, all of them. First a row says so (`EventRemoval`), under the locks of the
periods concerned, so that corrections and reprocessing that began before it start over and find it. Then the events
are deleted in batches, each a transaction of its own. A run that is killed between them is continued by the next one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction

from billing.models import EventRemoval, Job
from billing.models.event_removals import LEAST_AGE
from billing.models.jobs import ENDED_STATES, JobKind
from lib import sql
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

LEAST_DAYS_OF_EVENTS = (LEAST_AGE + timedelta(days=366 + 60)).days
"""
The time for which ingest accepts an event, plus a period of a year with the longest grace period.

Late usage and corrections are billed within it. Longer periods keep their events as long as they are open.
"""

# Events per transaction: their locks and the write-ahead log stay small.
BATCH_SIZE = 5_000

READING_KINDS = (JobKind.SIMULATION, JobKind.MIGRATION_PREVIEW, JobKind.MIGRATION_UNDO)
"""Kinds of jobs that read the events of past periods. No events leave while one of them is unfinished."""


@dataclass(slots=True)
class RemovalCounts:
    """Numbers of customers whose events left, of these events, and of customers that were busy."""

    customers: int = 0
    events: int = 0
    busy: int = 0


# A time up to which nothing needs the events: the start of a period that is not over by the retention limit, or is
# not billed for good; or the day of an event that someone has to look into.
_LIMITS = """
SELECT least(
    date_trunc('day', c.at - make_interval(days => %(days)s), 'UTC'),
    (SELECT min(p.starts_at) FROM billing_subscription s JOIN billing_period p ON p.subscription_id = s.id
        LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
        WHERE s.customer_id = c.id AND p.kind <> 'undone' AND (p.state = 'open' OR p.late_since IS NOT NULL
            OR i.state = 'draft' OR p.ends_at > date_trunc('day', c.at - make_interval(days => %(days)s), 'UTC'))),
    (SELECT min(p.starts_at) FROM billing_reservation r JOIN billing_period p ON p.id = r.period_id
        WHERE r.customer_id = c.id AND r.state = 'open'),
    (SELECT min(date_trunc('day', u.occurred_at, 'UTC')) FROM billing_unmatchedusage u
        WHERE u.customer_id IS NOT DISTINCT FROM c.id AND u.resolved_at IS NULL AND u.ignore_rule_id IS NULL
            AND u.reason <> 'not_sold' AND NOT EXISTS (
                SELECT FROM billing_dismissal d WHERE d.report_id = u.id AND d.undone_at IS NULL)),
    (SELECT min(date_trunc('day', k.since, 'UTC')) FROM billing_clone k
        JOIN customers_customer o ON o.id = k.customer_id JOIN customers_testclock t ON t.id = o.test_clock_id
        WHERE k.source_id = c.id AND t.now < k.until)
) AS until
"""
_CUSTOMERS = """
(SELECT c.id, coalesce(t.now, %(at)s) AS at FROM customers_customer c
    LEFT JOIN customers_testclock t ON t.id = c.test_clock_id
UNION ALL SELECT NULL, %(at)s)
"""
_DUE = f"""
SELECT c.id FROM {_CUSTOMERS} c CROSS JOIN LATERAL ({_LIMITS}) l
WHERE l.until > coalesce((SELECT max(r.until) FROM billing_eventremoval r
    WHERE r.customer_id IS NOT DISTINCT FROM c.id), '-infinity')
ORDER BY c.id NULLS FIRST
"""  # noqa: S608
_DUE_OF = f"""
SELECT l.until, c.at FROM {_CUSTOMERS} c CROSS JOIN LATERAL ({_LIMITS}) l WHERE c.id IS NOT DISTINCT FROM %(customer)s
"""  # noqa: S608

_BEGINNING = "SELECT pg_try_advisory_xact_lock(hashtextextended('event removal', 0))"

# FOR UPDATE: all that counts, corrections and reprocessing included, holds its periods by FOR KEY SHARE. A new
# revision makes it attribute again. NOWAIT: a removal never makes it wait; the next run tries again.
_LOCK_PERIODS = """
WITH held AS MATERIALIZED (
    SELECT p.id FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
    WHERE s.customer_id = %(customer)s AND p.starts_at < %(until)s AND p.ends_at > %(since)s
    ORDER BY p.id FOR UPDATE OF p NOWAIT
)
UPDATE billing_period p SET revision = p.revision + 1 FROM held WHERE p.id = held.id
"""

# Each name of a customer's events is found by the index on customer, name and time, without reading the events.
_NAMES = """
WITH RECURSIVE names AS (
    (SELECT name FROM billing_event WHERE {customer} ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT e.name FROM billing_event e WHERE {customer} AND e.name > n.name ORDER BY e.name LIMIT 1)
    FROM names n WHERE n.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
"""
_HAS_EVENTS = """
SELECT EXISTS (SELECT FROM billing_event WHERE {customer} AND name = ANY(%(names)s) AND occurred_at < %(until)s)
"""
_DELETE = """
WITH old AS MATERIALIZED (
    SELECT key FROM billing_event
    WHERE {customer} AND name = ANY(%(names)s) AND occurred_at < %(until)s LIMIT %(limit)s
)
DELETE FROM billing_event e USING old WHERE e.key = old.key
"""


def remove_old_events(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> RemovalCounts:
    """
    Delete the events that `settings.EVENT_RETENTION_DAYS` is over for and that nothing needs any more.

    Safe to run concurrently and to kill at any time. Removals that were begun are finished in any case.

    :raises ImproperlyConfigured: if the setting is below `LEAST_DAYS_OF_EVENTS`, and not 0.
    """
    if settings.EVENT_RETENTION_DAYS and settings.EVENT_RETENTION_DAYS < LEAST_DAYS_OF_EVENTS:
        raise ImproperlyConfigured(
            f"TOLLBOOK_EVENT_RETENTION_DAYS is {settings.EVENT_RETENTION_DAYS}; events are kept for at least"
            f" {LEAST_DAYS_OF_EVENTS} days."
        )
    counts = RemovalCounts()
    _finish_removals(counts, at=at, deadline=deadline)
    if not settings.EVENT_RETENTION_DAYS or has_unfinished_readers():
        return counts
    parameters = {"at": at, "days": settings.EVENT_RETENTION_DAYS}
    for customer_id in deadline.limit(sql.fetch_column(_DUE, parameters)):
        try:
            is_begun = _begin_removal(customer_id, at=at)
        except _CustomerBusy:
            counts.busy += 1
            continue
        if is_begun:
            counts.customers += 1
            _finish_removals(counts, at=at, deadline=deadline)
    return counts


def has_unfinished_readers() -> bool:
    """Return whether a job is unfinished that may read the events of past periods."""
    return Job.objects.filter(kind__in=READING_KINDS).exclude(state__in=ENDED_STATES).exists()


def count_customers_due(*, at: datetime) -> int:
    """Return the number of customers with a time up to which events may leave, whether they have any or not."""
    if not settings.EVENT_RETENTION_DAYS:
        return 0
    return len(sql.fetch_column(_DUE, {"at": at, "days": settings.EVENT_RETENTION_DAYS}))


class _CustomerBusy(Exception):
    """Another worker begins a removal, or another transaction holds one of the customer's old periods."""


def _begin_removal(customer_id: int | None, *, at: datetime) -> bool:
    """Record up to when a customer's events leave; return False if it has none to remove."""
    with transaction.atomic():
        # Advisory lock: removals begin one after the other, so each sees how far the one before went.
        if not sql.fetch_column(_BEGINNING)[0]:
            raise _CustomerBusy
        parameters = {"at": at, "days": settings.EVENT_RETENTION_DAYS, "customer": customer_id}
        removals = EventRemoval.objects.filter(customer=customer_id).order_by("-until")
        latest = removals.first()
        ((until, _),) = sql.fetch_rows(_DUE_OF, parameters)
        since = latest.until if latest else datetime.min.replace(tzinfo=at.tzinfo)
        if until <= since or not _has_events(customer_id, until=until):
            return False
        _lock_periods(customer_id, since=since, until=until)
        # Read again under the locks: usage that was counted in the meantime is late, so its period needs its events.
        ((still_until, removed_at),) = sql.fetch_rows(_DUE_OF, parameters)
        if still_until < until:
            return False
        EventRemoval.objects.create(customer_id=customer_id, until=until, removed_at=removed_at)
        hit_failpoint("event_removal.before_commit")
    return True


def _lock_periods(customer_id: int | None, *, since: datetime, until: datetime) -> None:
    try:
        with transaction.atomic():
            sql.execute(_LOCK_PERIODS, {"customer": customer_id, "since": since, "until": until})
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise _CustomerBusy from error
        raise


def _finish_removals(counts: RemovalCounts, *, at: datetime, deadline: Deadline) -> None:
    """Delete the events of removals that were begun, in batches."""
    while deadline.has_time():
        deleted_count = _delete_batch(at=at)
        if deleted_count is None:
            return
        counts.events += deleted_count
        hit_failpoint("event_removal.between_batches")


@transaction.atomic
def _delete_batch(*, at: datetime) -> int | None:
    """Delete the next events of a removal, and return their number; None if no removal is left to work on."""
    # Row lock: one worker deletes the events of a removal at a time; others take another one.
    removal = lock_free_row(EventRemoval.objects.filter(finished_at__isnull=True).order_by("pk"))
    if removal is None:
        return None
    names = _names(removal.customer_id)
    parameters = {"customer": removal.customer_id, "names": names, "until": removal.until, "limit": BATCH_SIZE}
    deleted_count = sql.execute(_of_customer(_DELETE, removal.customer_id), parameters)
    removal.events += deleted_count
    if deleted_count < BATCH_SIZE:
        removal.finished_at = at
    removal.save(update_fields=["events", "finished_at"])
    hit_failpoint("event_removal.in_batch")
    return deleted_count


def _has_events(customer_id: int | None, *, until: datetime) -> bool:
    parameters = {"customer": customer_id, "names": _names(customer_id), "until": until}
    (has_events,) = sql.fetch_column(_of_customer(_HAS_EVENTS, customer_id), parameters)
    return bool(has_events)


def _names(customer_id: int | None) -> list[str]:
    return sql.fetch_column(_of_customer(_NAMES, customer_id), {"customer": customer_id})


def _of_customer(statement: str, customer_id: int | None) -> str:
    # The index serves both conditions, but not IS NOT DISTINCT FROM.
    condition = "customer_id IS NULL" if customer_id is None else "customer_id = %(customer)s"
    return statement.format(customer=condition)
