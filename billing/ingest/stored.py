"""Stored events, read back as ingest had them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from billing.ingest.wire import Received, decode_properties
from billing.store import statements

COLUMNS = """
    encode(uuid_send(key), 'hex'), encode(uuid_send(digest), 'hex'), sequence, occurred_at, received_at, sandbox,
    customer_id, customer_ref, name, source, sender_id, subscription_ref, properties::text
"""
"""What `Stored` is made of, as it stands in a SELECT from the table of events."""


class Stored(NamedTuple):
    """One row of the table of events; `key` and `digest` are 32 hexadecimal digits, `properties` is JSON."""

    key: str
    digest: str
    sequence: int
    occurred_at: datetime
    received_at: datetime
    sandbox: bool
    customer_id: int | None
    customer_ref: str
    name: str
    source: str
    sender_id: str
    subscription_ref: str
    properties: str


def as_received(row: Stored) -> Received:
    """Return a stored event as ingest had it before it."""
    return Received(
        0,
        row.key,
        row.digest,
        row.sender_id,
        row.source,
        row.customer_ref,
        row.name,
        row.occurred_at,
        decode_properties(row.properties),
        b"",
        row.subscription_ref,
    )


_BY_KEY = f"SELECT {COLUMNS} FROM billing_event WHERE key = ANY(%s::uuid[])"  # noqa: S608


def stored_by_key(keys: Collection[str]) -> dict[str, Stored]:
    """Return the events of these keys, 32 hexadecimal digits each, in the order of their numbers."""
    with statements.cursor() as cursor:
        cursor.execute(_BY_KEY, [list(keys)], binary=True)
        found = [Stored._make(row) for row in cursor.fetchall()]
    return {row.key: row for row in sorted(found, key=lambda row: row.sequence)}


_BETWEEN = f"""
SELECT {COLUMNS} FROM billing_event
WHERE customer_id = %s AND name = ANY(%s) AND occurred_at >= %s AND occurred_at < %s
ORDER BY occurred_at, source COLLATE "C", sender_id COLLATE "C"
"""  # noqa: S608


def stored_between(*, customer_id: int, names: Sequence[str], since: datetime, until: datetime) -> Iterator[Stored]:
    """Yield a customer's events of these names in [since, until), in the order of time, then source, then id."""
    with statements.cursor() as cursor:
        cursor.execute(_BETWEEN, [customer_id, list(names), since, until], binary=True)
        for row in cursor:
            yield Stored._make(row)
