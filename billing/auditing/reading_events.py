"""Walk all events in the order of their customers, with what was reported of them, and check each against itself."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connection
from psycopg import ServerCursor

from billing.ingest.stored import COLUMNS, Stored
from billing.ingest.wire import digest_of, encode_properties, key_of

CHUNK = 5_000

_EVENTS = f"SELECT {COLUMNS} FROM billing_event ORDER BY customer_id NULLS FIRST"  # noqa: S608

_REPORTS = """
SELECT encode(uuid_send(event_key), 'hex'), meter_id, reason, resolved_sequence
FROM billing_unbilledusage WHERE event_key = ANY(%s::uuid[])
"""


class Report(NamedTuple):
    """What was reported as unbilled; `resolved_sequence` is its place among the events once it was attributed."""

    reason: str
    resolved_sequence: int | None


Reports = dict[str, dict[int | None, Report]]
"""Event's key → meter (None for the event as a whole) → report."""


def chunks() -> Iterator[list[Stored]]:
    """Yield all events, thousands at a time, ordered by customer; memory stays flat."""
    with ServerCursor(connection.connection, "audit_events") as cursor:
        cursor.execute(_EVENTS, binary=True)
        while rows := cursor.fetchmany(CHUNK):
            yield [Stored._make(row) for row in rows]


def any_reports() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM billing_unbilledusage)")
        return bool(cursor.fetchone()[0])


def reports_of(events: Sequence[Stored]) -> Reports:
    found: Reports = {}
    with connection.cursor() as cursor:
        cursor.execute(_REPORTS, [[event.key for event in events]])
        for key, meter_id, reason, resolved_sequence in cursor.fetchall():
            found.setdefault(key, {})[meter_id] = Report(reason, resolved_sequence)
    return found


def has_its_key(row: Stored) -> bool:
    return row.key == key_of(row.sender_id, source=row.source, sandbox=row.sandbox)


def has_its_digest(row: Stored, properties: dict[str, Any]) -> bool:
    """Tell whether the digest is that of the content as sent: with its timestamp, or without one, if it had none."""
    encoded = encode_properties(properties)
    own = (row.source, row.sender_id, row.customer_ref, row.name)
    if row.digest == digest_of((*own, row.occurred_at, row.subscription_ref), encoded):
        return True
    return row.occurred_at == row.received_at and row.digest == digest_of((*own, None, row.subscription_ref), encoded)
