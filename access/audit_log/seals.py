"""
Seals recorded changes: each gets a place in a batch, and each batch a hash over its entries and the batch before.

Rows take their place when they are sealed and not when they are written, because the order of ids is not the order of
commits, and because one chain for all writers would make them wait for each other.
"""

import logging
from datetime import datetime

from django.db import transaction

from access.audit_log.sources import SETTINGS, AuditedTable, audited_tables
from access.models import AuditFormat, AuditSeal, AuditSource
from lib import sql

log = logging.getLogger(__name__)

MOST_ENTRIES = 10_000
"""Entries of one seal."""

LOOK_BACK = 1_000
"""
Ids below the mark of a table that are looked at again: a transaction may take an id moments before it gets the number
by which it is waited for.
"""

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('audit log', 0))"

_ENTRY_LINE = """
encode(sha256(convert_to(ROW(a.position, a.source, a.event_id, a.object_id, a.verb, a.at, a.user_id, a.context,
    a.fields, (SELECT f.source || f.columns::text FROM access_auditformat f WHERE f.id = a.format_id),
    a.digest)::text, 'UTF8')), 'hex')
"""

HASH = f"""
encode(sha256(convert_to(%s || string_agg({_ENTRY_LINE}, '' ORDER BY a.position), 'UTF8')), 'hex')
"""
"""The hash of a seal over its entries `a`; the parameter is the hash before, or a column with it."""

_INSERT = """
INSERT INTO access_auditentry (seal_id, position, source, event_id, object_id, verb, at, user_id, context, fields,
    format_id, digest)
SELECT %(seal)s, %(offset)s + row_number() OVER (ORDER BY e."{key}"), %(table)s, e."{key}", {object_id}, {verb}, {at},
    {user_id}, {context}, {fields}, %(format)s, {digest}
FROM {table} e {joins}
WHERE e."{key}" > %(low)s
    AND NOT EXISTS (SELECT FROM access_auditentry a WHERE a.source = %(table)s AND a.event_id = e."{key}")
ORDER BY e."{key}" LIMIT %(limit)s
"""

_SNAPSHOT = "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"


def seal_changes(*, at: datetime) -> int:
    """
    Seal all recorded changes that are committed, and return their number. One process seals at a time; others return.
    """
    total = 0
    while True:
        count = _seal_batch(at=at)
        total += count
        if count < MOST_ENTRIES:
            return total


def log_head(*, at: datetime) -> int:
    """Write the latest hash to the process's log, which leaves the database, and return the number of its seal."""
    head = AuditSeal.objects.order_by("-pk").first()
    if head is None:
        return 0
    log.info("audit log sealed up to seal %s: %s", head.pk, head.hash)
    return head.pk


@transaction.atomic
def _seal_batch(*, at: datetime) -> int:
    """Seal at most MOST_ENTRIES changes in one transaction; return their number."""
    # Advisory lock: seals follow one another without a gap.
    if not sql.fetch_column(_LOCK)[0]:
        return 0
    sql.execute(SETTINGS)
    latest = AuditSeal.objects.order_by("-pk").first()
    number, previous = (latest.pk + 1, latest.hash) if latest else (1, "")
    count = 0
    oldest_running, _next = sql.fetch_rows(_SNAPSHOT)[0]
    marks = {mark.source: mark for mark in AuditSource.objects.all()}
    for audited, highest in _highest_ids():
        mark = marks.get(audited.table) or AuditSource.objects.create(source=audited.table)
        if highest <= mark.sealed_to:
            continue
        inserted = _insert_entries(audited, mark, seal=number, offset=count, limit=MOST_ENTRIES - count)
        count += inserted
        if count == MOST_ENTRIES:
            break  # the rest comes with the next seal
        _move_mark(mark, highest, oldest_running=oldest_running)
    if count:
        (digest,) = sql.fetch_column(
            f"SELECT {HASH} FROM access_auditentry a WHERE a.seal_id = %s",  # noqa: S608  constants
            [previous, number],
        )
        AuditSeal.objects.create(pk=number, previous=previous, hash=digest, entry_count=count, at=at)
    return count


def _highest_ids() -> list[tuple[AuditedTable, int]]:
    """Return the tables that have rows, with their highest id, by one statement."""
    statement = " UNION ALL ".join(
        f"SELECT {place}, max({audited.key}) FROM {audited.table}"  # noqa: S608  names of our tables
        for place, audited in enumerate(audited_tables())
    )
    return [(audited_tables()[place], highest) for place, highest in sorted(sql.fetch_rows(statement)) if highest]


def _insert_entries(audited: AuditedTable, mark: AuditSource, *, seal: int, offset: int, limit: int) -> int:
    table_format, _is_new = AuditFormat.objects.get_or_create(source=audited.table, columns=list(audited.columns))
    statement = _INSERT.format(
        table=audited.table,
        key=audited.key,
        object_id=audited.object_id,
        verb=audited.verb,
        at=audited.at,
        user_id=audited.user_id,
        context=audited.context,
        fields=audited.fields,
        digest=audited.digest,
        joins=audited.joins,
    )
    parameters = {
        "seal": seal,
        "offset": offset,
        "table": audited.table,
        "format": table_format.pk,
        "low": mark.sealed_to - LOOK_BACK,
        "limit": limit,
    }
    return sql.execute(statement, parameters)


def _move_mark(mark: AuditSource, highest: int, *, oldest_running: int) -> None:
    """
    Raise the mark to the earlier horizon if no transaction runs that could add rows below it, and set a new one.
    """
    if oldest_running < mark.horizon_xid:
        return
    mark.sealed_to = mark.horizon
    mark.horizon = highest
    _oldest, mark.horizon_xid = sql.fetch_rows(_SNAPSHOT)[0]
    mark.save()
