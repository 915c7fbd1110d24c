"""Read all events in the order of their customers, and check each against itself."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.metering.ingest.event_reader import COLUMNS, StoredEvent
from billing.metering.ingest.parser import content_digest, encode_properties, event_key

# Rows per fetch of a server-side cursor, which reads all events in constant memory.
CHUNK_SIZE = 5_000

_EVENTS = f"SELECT {COLUMNS} FROM billing_event ORDER BY customer_id NULLS FIRST"  # noqa: S608


def read_chunks() -> Iterator[list[StoredEvent]]:
    """
    Yield all events, thousands at a time, ordered by customer; memory stays flat.

    Events that are about to be deleted are among them.
    """
    with ServerCursor(connection.connection, "audit_events") as cursor:
        cursor.execute(_EVENTS, binary=True)
        while rows := cursor.fetchmany(CHUNK_SIZE):
            yield [StoredEvent._make(row) for row in rows]


def has_reports() -> bool:
    return _has_rows("billing_unmatchedusage")


def has_corrections() -> bool:
    return _has_rows("billing_correction")


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608
        return bool(cursor.fetchone()[0])


def key_matches(row: StoredEvent) -> bool:
    return row.key == event_key(row.sender_id, source=row.source, sandbox=row.sandbox)


def digest_matches(row: StoredEvent, properties: dict[str, Any]) -> bool:
    """Return whether the digest is that of the content as sent: with its timestamp, or without one if it had none."""
    encoded = encode_properties(properties)
    content = (row.source, row.sender_id, row.customer_ref, row.name)
    if row.digest == content_digest((*content, row.occurred_at, row.subscription_ref), encoded):
        return True
    return row.occurred_at == row.received_at and row.digest == content_digest(
        (*content, None, row.subscription_ref), encoded
    )
