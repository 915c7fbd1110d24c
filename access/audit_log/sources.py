"""The tables that hold recorded changes: the history of each tracked table, and tables of events."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pghistory.core
from django.db.models import Model

from access.models import AccountEvent, AuditErasure, AuditRemoval

SETTINGS = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL bytea_output = 'hex'"
"""The settings on which the text of a row depends, and with it its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTable:
    """
    A table of recorded changes, and SQL expressions for the facts of a change: `e` is its row, `c` its context.

    table, key: the table and its primary key. columns: those that digests cover.
    fields: the columns that the change affected, as an array of text.
    """

    table: str
    key: str
    columns: Sequence[str]
    object_id: str
    verb: str
    at: str
    user_id: str
    context: str = "'{}'::jsonb"
    fields: str = "'{}'::text[]"
    joins: str = ""

    @property
    def digest(self) -> str:
        """The SQL expression of a row's digest."""
        return digest_of(self.columns)


def digest_of(columns: Sequence[str]) -> str:
    """Return the SQL expression of the digest of row `e` over these columns."""
    row = ", ".join(f'e."{column}"' for column in columns)
    return f"encode(sha256(convert_to(ROW({row})::text, 'UTF8')), 'hex')"


@cache
def audited_tables() -> tuple[AuditedTable, ...]:
    """Return the tables of recorded changes, in the order of their names."""
    histories = [_history(model) for model in pghistory.core.event_models()]
    return tuple(sorted([*histories, *_EVENTS], key=lambda audited: audited.table))


def columns_of(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.local_concrete_fields]


# The state before a change is the latest earlier row of the same object.
_HISTORY_JOINS = """
LEFT JOIN pghistory_context c ON c.id = e.pgh_context_id
LEFT JOIN LATERAL (
    SELECT to_jsonb(p) AS state FROM {table} p
    WHERE p.pgh_obj_id = e.pgh_obj_id AND p.pgh_id < e.pgh_id ORDER BY p.pgh_id DESC LIMIT 1
) p ON e.pgh_label = 'update'
"""

_CONTEXT = """
jsonb_strip_nulls(jsonb_build_object('api_key', c.metadata->'api_key', 'action', c.metadata->'action',
    'approval', c.metadata->'approval'))
"""

_CHANGED_FIELDS = """
ARRAY(SELECT key FROM jsonb_each(to_jsonb(e)) WHERE key NOT LIKE 'pgh\\_%%' AND value IS DISTINCT FROM p.state->key
    AND p.state IS NOT NULL ORDER BY key)
"""


def _history(model: type[Model]) -> AuditedTable:
    table = model._meta.db_table
    return AuditedTable(
        table=table,
        key="pgh_id",
        columns=columns_of(model),
        object_id="e.pgh_obj_id::text",
        verb="e.pgh_label",
        at="e.pgh_created_at",
        user_id="(c.metadata->>'user')::bigint",
        context=f"coalesce({_CONTEXT}, '{{}}')",
        fields=_CHANGED_FIELDS,
        joins=_HISTORY_JOINS.format(table=table),
    )


_EVENTS = (
    AuditedTable(
        table=AccountEvent._meta.db_table,
        key="id",
        columns=columns_of(AccountEvent),
        object_id="coalesce(e.user_id::text, '')",
        verb="e.kind",
        at="e.at",
        user_id="coalesce(e.by_id, e.user_id)",
    ),
    AuditedTable(
        table=AuditErasure._meta.db_table,
        key="id",
        columns=columns_of(AuditErasure),
        object_id="e.entry_id::text",
        verb="'erased'",
        at="e.at",
        user_id="NULL::bigint",
    ),
    AuditedTable(
        table=AuditRemoval._meta.db_table,
        key="id",
        columns=columns_of(AuditRemoval),
        object_id="e.source",
        verb="'removed'",
        at="e.at",
        user_id="NULL::bigint",
    ),
)
