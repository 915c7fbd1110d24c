"""Reading stored events back as ingest received them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from billing.metering.ingest.parser import ReceivedEvent, decode_properties
from billing.metering.store.event_removals import IS_REMOVED, require_events
from lib import prepared_statements

COLUMNS = """
    encode(uuid_send(key), 'hex'), encode(uuid_send(digest), 'hex'), sequence, occurred_at, received_at, sandbox,
    customer_id, customer_ref, name, source, sender_id, subscription_ref, properties::text
"""
"""The columns of `StoredEvent` in a SELECT from the event table."""

PAGE_SIZE = 2_000
"""Events per page where many are read."""


class StoredEvent(NamedTuple):
    """One row of the event table; `key` and `digest` are 32 hexadecimal digits, `properties` is JSON."""

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


def to_received_event(row: StoredEvent) -> ReceivedEvent:
    """Return a stored event as ingest received it."""
    return ReceivedEvent(
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


_BY_KEY = f"SELECT {COLUMNS} FROM billing_event e WHERE key = ANY(%s::uuid[]) AND NOT {IS_REMOVED}"  # noqa: S608


def read_by_key(keys: Collection[str]) -> dict[str, StoredEvent]:
    """
    Return the events with these keys, 32 hexadecimal digits each, ordered by sequence number.

    Events whose retention is over are left out from the moment when their removal begins.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BY_KEY, [list(keys)], binary=True)
        events = [StoredEvent._make(row) for row in cursor.fetchall()]
    return {row.key: row for row in sorted(events, key=lambda row: row.sequence)}


EventPosition = tuple[datetime, str, str]
"""An event's position among others: its time, source and sender's id."""

# The row comparison continues after the last event of the page before; the byte order "C" is that of the index.
_BETWEEN = f"""
SELECT {COLUMNS} FROM billing_event
WHERE customer_id = %(customer)s AND name = ANY(%(names)s) AND occurred_at >= %(at)s AND occurred_at < %(until)s
    AND (occurred_at, source COLLATE "C", sender_id COLLATE "C") > (%(at)s, %(source)s, %(id)s)
ORDER BY occurred_at, source COLLATE "C", sender_id COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608


def read_pages(
    *, customer_id: int, names: Sequence[str], since: datetime, until: datetime, after: EventPosition | None = None
) -> Iterator[list[StoredEvent]]:
    """
    Yield a customer's events with these names in [since, until) by pages, ordered by time, then source, then id.

    after: start after this position.

    :raises EventsRemoved: if events of that time have left.
    """
    require_events(customer_id=customer_id, since=since)
    wanted = {"customer": customer_id, "names": list(names), "until": until, "limit": PAGE_SIZE}
    at, source, id_ = after or (since, "", "")
    while True:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_BETWEEN, wanted | {"at": at, "source": source, "id": id_}, binary=True)
            rows = [StoredEvent._make(row) for row in cursor.fetchall()]
        if rows:
            yield rows
        if len(rows) < PAGE_SIZE:
            return
        at, source, id_ = rows[-1].occurred_at, rows[-1].source, rows[-1].sender_id
