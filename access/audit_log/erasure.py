"""Erased personal data in recorded changes: the chain keeps the former digest, and gets the new one."""

from datetime import datetime

from access.audit_log.sources import SETTINGS, audited_tables
from lib import sql

# Only rows that the current transaction has written: an erasure must not accept a row that was changed before.
_RECORD = """
INSERT INTO access_auditerasure (entry_id, digest, at)
SELECT a.id, {digest}, %(at)s
FROM {table} e JOIN access_auditentry a ON a.source = %(table)s AND a.event_id = e."{key}"
WHERE e.xmin::text::bigint >= mod(pg_current_xact_id()::text::bigint, 4294967296) AND {digest} <> a.digest
"""


def record_erasures(*, at: datetime) -> int:
    """
    Record the sealed rows that the current transaction has erased, and return their number.

    The caller calls it last, in the transaction of the erasure.
    """
    sql.execute(SETTINGS)
    return sum(
        sql.execute(
            _RECORD.format(table=audited.table, key=audited.key, digest=audited.digest),
            {"table": audited.table, "at": at},
        )
        for audited in audited_tables()
    )
