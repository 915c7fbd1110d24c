"""Events: inserted once per key, never changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from lib import prepared_statements


class EventRow(msgspec.Struct, gc=False):
    """An event to insert. `key` and `digest` are 32 hexadecimal digits, `properties` is encoded JSON."""

    key: str
    digest: str
    occurred_at: datetime
    customer_id: int | None
    customer_ref: str
    name: str
    source: str
    sender_id: str
    subscription_ref: str
    properties: msgspec.Raw


# One round trip: insert the new keys, and return those that were stored before.
_APPEND = """
WITH sent AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS sent(key uuid, digest uuid, occurred_at timestamptz,
        customer_id bigint, customer_ref text, name text, source text, sender_id text, subscription_ref text,
        properties jsonb)
), fresh AS (
    INSERT INTO billing_event (key, digest, occurred_at, received_at, sandbox, customer_id, customer_ref, name,
        source, sender_id, subscription_ref, properties)
    SELECT key, digest, occurred_at, %s, %s, customer_id, customer_ref, name,
        source, sender_id, subscription_ref, properties
    FROM sent ORDER BY key
    ON CONFLICT (key) DO NOTHING
    RETURNING key
)
SELECT sent.key FROM sent LEFT JOIN fresh USING (key) WHERE fresh.key IS NULL
"""


def append(rows: Sequence[EventRow], *, received_at: datetime, sandbox: bool) -> set[str]:
    """
    Store the events whose key is new, and return the keys that were stored already.

    Keys are inserted in sorted order, so that two batches that share some wait for each other and never deadlock.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_APPEND, [msgspec.json.encode(rows).decode(), received_at, sandbox])
        return {key.hex for (key,) in cursor.fetchall()}


# LATERAL looks up each key in its own partition instead of all keys in every partition.
_DIGESTS = """
SELECT sent.key, stored.digest FROM unnest(%s::uuid[]) AS sent(key)
CROSS JOIN LATERAL (SELECT digest FROM billing_event e WHERE e.key = sent.key LIMIT 1) stored
"""


def read_digests(keys: Iterable[str]) -> dict[str, str]:
    """Return the stored digest of each of these keys; both are 32 hexadecimal digits."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_DIGESTS, [list(keys)])
        return {key.hex: digest.hex for key, digest in cursor.fetchall()}


def draw_high_water_mark() -> int:
    """Draw a high-water mark that no event has, for usage that is billed twice without an event in between."""
    with prepared_statements.cursor() as cursor:
        cursor.execute("SELECT nextval('billing_event_sequence')")
        [(high_water_mark,)] = cursor.fetchall()
        return int(high_water_mark)


def read_high_water_mark() -> int:
    """
    Return the greatest sequence number drawn so far.

    Read while a period is locked FOR UPDATE, it divides that period's events exactly: counted events have a number up
    to it, later events a greater one.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM billing_event_sequence")
        [(high_water_mark,)] = cursor.fetchall()
        return int(high_water_mark)
