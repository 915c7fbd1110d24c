"""Check that the constraints and triggers that hold most invariants are in force, in every table of the project."""

from collections.abc import Iterator
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

from billing.audit.check import Check, Row, select_rows
from billing.audit.shared_reads import Books

APPS = ("access", "customers", "plans", "invoices", "wallets", "billing")

_FOREIGN_KEYS = """
    SELECT k.conrelid::regclass::text, a.attname FROM pg_constraint k
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.convalidated AND cardinality(k.conkey) = 1
"""

_ENABLED_TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal
"""

# PostgreSQL keeps foreign keys by internal triggers of both tables, which can be disabled, too.
_DISABLED_FOREIGN_KEYS = """
    SELECT DISTINCT t.tgrelid::regclass::text, k.conname FROM pg_trigger t
    JOIN pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f' WHERE t.tgenabled NOT IN ('O', 'A')
"""


def our_models() -> list[type[Model]]:
    return [model for label in APPS for model in apps.get_app_config(label).get_models()]


def _foreign_keys(*, enforced: bool) -> Iterator[tuple[type[Model], ForeignKey[Any, Any]]]:
    """Yield the foreign keys that the database enforces, or those that it does not, for speed; history has none."""
    for model in our_models():
        if model._meta.managed and not hasattr(model, "pgh_tracked_model"):
            for field in model._meta.local_concrete_fields:
                if isinstance(field, ForeignKey) and getattr(field, "db_constraint", True) is enforced:
                    yield model, field


def _orphans(books: Books) -> Iterator[Row]:
    for model, field in _foreign_keys(enforced=False):
        target_table, target_column = field.remote_field.model._meta.db_table, field.target_field.column
        statement = f"""
            SELECT t."{field.column}" AS value FROM {model._meta.db_table} t
            LEFT JOIN {target_table} o ON o."{target_column}" = t."{field.column}"
            WHERE t."{field.column}" IS NOT NULL AND o."{target_column}" IS NULL
        """  # noqa: S608
        for row in select_rows(statement):
            yield {"table": model._meta.db_table, "column": field.column, **row}


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _missing_constraints(books: Books) -> Iterator[Row]:
    """Yield constraints and foreign keys of models that don't exist in the database, or are not validated."""
    rows = _rows("SELECT conname FROM pg_constraint WHERE convalidated UNION SELECT relname FROM pg_class")
    existing_names = {name for (name,) in rows}
    declared = [
        (model._meta.db_table, constraint.name) for model in our_models() for constraint in model._meta.constraints
    ]
    for table, name in [*declared, ("billing_event", "event_counts_once")]:
        if name not in existing_names:
            yield {"table": table, "constraint": name}
    existing_keys = set(_rows(_FOREIGN_KEYS))
    for model, field in _foreign_keys(enforced=True):
        if (model._meta.db_table, field.column) not in existing_keys:
            yield {"table": model._meta.db_table, "foreign key": field.column}


def _missing_triggers(books: Books) -> Iterator[Row]:
    """Yield triggers of models and of foreign keys that are disabled, or don't exist in the database."""
    enabled_triggers = set(_rows(_ENABLED_TRIGGERS))
    declared_triggers = [
        (model._meta.db_table, trigger.get_pgid(model))
        for model, trigger in pgtrigger.registered()
        if model._meta.app_label in APPS
    ]
    for table, name in [*declared_triggers, ("billing_event", "event_is_append_only")]:
        if (table, name) not in enabled_triggers:
            yield {"table": table, "trigger": name}
    for table, name in _rows(_DISABLED_FOREIGN_KEYS):
        yield {"table": table, "trigger": name}


CHECKS = (
    Check("references_lead_to_a_row", "L6", _orphans),
    Check("declared_constraints_are_in_force", "L7", _missing_constraints),
    Check("declared_triggers_are_in_force", "L3", _missing_triggers),
)
