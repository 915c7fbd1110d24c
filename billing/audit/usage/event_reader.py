"""Walk all events in the order of their customers, with what was reported of them, and check each against itself."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.metering.ingest.event_reader import COLUMNS, Stored
from billing.metering.ingest.parser import digest_of, encode_properties, key_of

CHUNK = 5_000

_EVENTS = f"SELECT {COLUMNS} FROM billing_event ORDER BY customer_id NULLS FIRST"  # noqa: S608


def chunks() -> Iterator[list[Stored]]:
    """Yield all events, thousands at a time, ordered by customer; memory stays flat."""
    with ServerCursor(connection.connection, "audit_events") as cursor:
        cursor.execute(_EVENTS, binary=True)
        while rows := cursor.fetchmany(CHUNK):
            yield [Stored._make(row) for row in rows]


def any_reports() -> bool:
    return _any("billing_unmatchedusage")


def any_corrections() -> bool:
    return _any("billing_correction")


def _any(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608
        return bool(cursor.fetchone()[0])


def has_its_key(row: Stored) -> bool:
    return row.key == key_of(row.sender_id, source=row.source, sandbox=row.sandbox)


def has_its_digest(row: Stored, properties: dict[str, Any]) -> bool:
    """Tell whether the digest is that of the content as sent: with its timestamp, or without one, if it had none."""
    encoded = encode_properties(properties)
    own = (row.source, row.sender_id, row.customer_ref, row.name)
    if row.digest == digest_of((*own, row.occurred_at, row.subscription_ref), encoded):
        return True
    return row.occurred_at == row.received_at and row.digest == digest_of((*own, None, row.subscription_ref), encoded)
