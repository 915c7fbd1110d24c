"""
The removal of old history at the end of its retention: docs/audit-log.md#retention.

The chain keeps the digest of each change that leaves, and a sealed row says that it left, so that the audit still
finds a change that was removed in any other way.
"""

from datetime import datetime

import pghistory.core
import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import Model

from access.models import AuditRemoval
from lib import sql
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline
from lib.retention import kept_since

KEPT_APPS = ("plans",)
"""Apps whose history stays: the audit compares published prices and meters with it."""

KEPT_TABLES = (
    *("billing_subscriptionevent", "customers_customerevent", "customers_sellerevent", "invoices_invoiceevent"),
)
"""Tables of history that stay: the audit and exports read which names, addresses and states held at a time."""

# Changes per transaction: their locks and the write-ahead log stay small.
BATCH_SIZE = 1_000

# A change leaves if a later one of the same row is as old: so the state that held at the limit stays, and all since.
# The last change of a deleted row leaves too. Only sealed changes leave. Earlier ones go first, so that the history
# of a deleted row never ends without its deletion.
_OLD = """
SELECT e.pgh_id, e.pgh_context_id FROM {table} e
JOIN access_auditentry a ON a.source = %(table)s AND a.event_id = e.pgh_id
WHERE e.pgh_created_at < %(before)s AND (e.pgh_label = 'delete' OR EXISTS (
    SELECT FROM {table} n
    WHERE n.pgh_obj_id = e.pgh_obj_id AND n.pgh_id > e.pgh_id AND n.pgh_created_at < %(before)s))
ORDER BY e.pgh_id LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
"""
_DELETE = "DELETE FROM {table} WHERE pgh_id = ANY(%s)"
_DELETE_CONTEXTS = "DELETE FROM pghistory_context c WHERE c.id = ANY(%s::uuid[]) AND {unused}"


def remove_old_history(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Delete changes that `settings.HISTORY_RETENTION_DAYS` is over for, except those that still hold or are read.

    Return how many. Each batch is a transaction, so a run may be killed at any time.
    """
    if not settings.HISTORY_RETENTION_DAYS:
        return 0
    before, total = kept_since(at, days=settings.HISTORY_RETENTION_DAYS), 0
    for history in removable_histories():
        while deadline.has_time():
            count = _remove_batch(history, before=before, at=at)
            total += count
            if count < BATCH_SIZE:
                break
    return total


def removable_histories() -> list[type[Model]]:
    """Return the models of history whose changes may leave."""
    return [
        history
        for history in pghistory.core.event_models()
        if history._meta.db_table not in KEPT_TABLES and history._meta.app_label not in KEPT_APPS
    ]


@transaction.atomic
def _remove_batch(history: type[Model], *, before: datetime, at: datetime) -> int:
    table = history._meta.db_table
    old = sql.fetch_rows(_OLD.format(table=table), {"table": table, "before": before, "limit": BATCH_SIZE})
    if not old:
        return 0
    event_ids = [event_id for event_id, _ in old]
    AuditRemoval.objects.create(source=table, event_ids=event_ids, before=before, at=at)
    # The trigger refuses any other deletion.
    with pgtrigger.ignore(f"{history._meta.label}:append_only"):
        sql.execute(_DELETE.format(table=table), [event_ids])
    contexts = {context_id for _, context_id in old if context_id}
    sql.execute(_DELETE_CONTEXTS.format(unused=_unused()), [list(contexts)])
    hit_failpoint("history_removal.before_commit")
    return len(old)


def _unused() -> str:
    """Return the SQL condition that no change has context `c`, which holds its reason and address."""
    return " AND ".join(
        f"NOT EXISTS (SELECT FROM {model._meta.db_table} e WHERE e.pgh_context_id = c.id)"
        for model in pghistory.core.event_models()
    )
