"""Checks of the sealed audit log, which name each changed, added or missing row."""

from collections.abc import Iterator
from typing import Any

from access.audit_log.seals import HASH
from access.audit_log.sources import SETTINGS, audited_tables, digest_of
from access.models import AuditFormat, AuditSource
from lib import sql

_SEALS = f"""
WITH computed AS (
    SELECT s.id, s.previous, s.hash, s.entry_count, count(a.id) AS entries,
        {HASH.replace("%s", "s.previous")} AS computed_hash,
        lag(s.hash) OVER (ORDER BY s.id) AS hash_before, lag(s.id) OVER (ORDER BY s.id) AS id_before
    FROM access_auditseal s LEFT JOIN access_auditentry a ON a.seal_id = s.id GROUP BY s.id
)
SELECT id AS seal, CASE
    WHEN id <> coalesce(id_before, 0) + 1 THEN 'a seal before it is missing'
    WHEN previous <> coalesce(hash_before, '') THEN 'it does not follow the seal before'
    WHEN entries <> entry_count THEN 'entries were removed or added'
    ELSE 'its entries have changed' END AS problem
FROM computed
WHERE id <> coalesce(id_before, 0) + 1 OR previous <> coalesce(hash_before, '') OR entries <> entry_count
    OR hash IS DISTINCT FROM computed_hash
ORDER BY id
"""  # noqa: S608

_ORPHANS = """
SELECT a.seal_id AS seal, 'entries without their seal' AS problem FROM access_auditentry a
WHERE NOT EXISTS (SELECT FROM access_auditseal s WHERE s.id = a.seal_id) GROUP BY 1
"""

# The digest that the row should have: the one of the latest erasure, if its content was erased. Of a row that left at
# the end of its retention, a removal says so.
_ROWS = """
SELECT a.source AS table, a.event_id AS id, a.object_id AS object, a.seal_id AS seal,
    CASE WHEN e."{key}" IS NULL THEN 'the row is missing' ELSE 'the row has changed' END AS problem
FROM access_auditentry a LEFT JOIN {table} e ON e."{key}" = a.event_id
WHERE a.source = %(table)s AND a.format_id = %(format)s
    AND (e."{key}" IS NULL AND a.event_id NOT IN (
        SELECT unnest(r.event_ids) FROM access_auditremoval r WHERE r.source = %(table)s AND r.before > a.at)
    OR e."{key}" IS NOT NULL AND {digest} <> coalesce((
        SELECT r.digest FROM access_auditerasure r WHERE r.entry_id = a.id ORDER BY r.id DESC LIMIT 1), a.digest))
ORDER BY a.event_id
"""

_GAPS = """
SELECT %(table)s AS table, e."{key}" AS id, 'the row was never sealed' AS problem FROM {table} e
WHERE e."{key}" <= %(sealed_to)s
    AND NOT EXISTS (SELECT FROM access_auditentry a WHERE a.source = %(table)s AND a.event_id = e."{key}")
"""


def find_broken_seals() -> Iterator[dict[str, Any]]:
    """Yield the seals whose hash doesn't follow from their entries and the seal before."""
    sql.execute(SETTINGS)
    yield from sql.fetch_dicts(_ORPHANS)
    yield from sql.fetch_dicts(_SEALS)


def find_changed_rows() -> Iterator[dict[str, Any]]:
    """
    Yield the recorded changes whose row was changed or removed since it was sealed.

    Rows of a format with a column that a migration has removed since can't be compared; the chain still has their
    digests.
    """
    sql.execute(SETTINGS)
    for audited in audited_tables():
        for stored in AuditFormat.objects.filter(source=audited.table):
            if set(stored.columns) <= set(audited.columns):
                digest = digest_of(stored.columns)
                statement = _ROWS.format(table=audited.table, key=audited.key, digest=digest)
                yield from sql.fetch_dicts(statement, {"table": audited.table, "format": stored.pk})


def find_gaps() -> Iterator[dict[str, Any]]:
    """Yield recorded changes below the mark of their table that have no place: added later, by another way."""
    marks = dict(AuditSource.objects.values_list("source", "sealed_to"))
    for audited in audited_tables():
        statement = _GAPS.format(table=audited.table, key=audited.key)
        yield from sql.fetch_dicts(statement, {"table": audited.table, "sealed_to": marks.get(audited.table, 0)})
