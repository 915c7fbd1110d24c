"""Check every table of the project, with queries generated from the database catalog."""

from collections.abc import Iterable, Iterator
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

from billing.audit.check import Check, Row, select_rows
from billing.audit.shared_reads import Books

APPS = ("customers", "plans", "invoices", "wallets", "billing")
MAX_NUMBER = "1e60"
"""Beyond the bounds of every column: the largest numbers, fingerprints, are sums of 128-bit numbers."""


def our_models() -> list[type[Model]]:
    return [model for label in APPS for model in apps.get_app_config(label).get_models()]


def _our_tables() -> str:
    """Return the names of the project's tables as a list for an SQL `IN`."""
    return ", ".join(f"'{model._meta.db_table}'" for model in our_models())


def _floats(books: Books) -> Iterable[Row]:
    return select_rows(f"""
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_name IN ({_our_tables()}) AND data_type IN ('real', 'double precision')
    """)  # noqa: S608


def _infinite(books: Books) -> Iterator[Row]:
    """
    Yield rows with NaN or infinity. PostgreSQL sorts NaN above every number, so one range excludes all three values.
    """
    for table, columns in _columns("numeric").items():
        condition = " OR ".join(f'NOT "{column}" BETWEEN -{MAX_NUMBER} AND {MAX_NUMBER}' for column in columns)
        column_list = ", ".join(f'"{column}"' for column in columns)
        for row in select_rows(f"SELECT {column_list} FROM {table} WHERE {condition}"):  # noqa: S608
            yield {"table": table, **row}


def _columns(data_type: str) -> dict[str, list[str]]:
    columns_by_table: dict[str, list[str]] = {}
    statement = f"""
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_name IN ({_our_tables()}) AND data_type = %s ORDER BY 1, 2
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [data_type])
        for table, column in cursor.fetchall():
            columns_by_table.setdefault(table, []).append(column)
    return columns_by_table


def _orphans(books: Books) -> Iterator[Row]:
    """
    Yield rows whose foreign key leads nowhere.

    Some foreign keys are not enforced, for speed, and the others can be switched off. History outlives its rows and
    is left out.
    """
    for model in our_models():
        if hasattr(model, "pgh_tracked_model"):
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, ForeignKey) and model._meta.db_table != "billing_rollup":
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


def _broken_constraints(books: Books) -> Iterator[Row]:
    """
    Evaluate every CHECK constraint on the stored rows, since a constraint may have been added without validation.

    Each table is read once for all of its constraints.
    """
    checks = f"""
        SELECT conrelid::regclass::text, array_agg(format('(%L, NOT (%s))', conname, pg_get_expr(conbin, conrelid)))
        FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text IN ({_our_tables()}) GROUP BY 1 ORDER BY 1
    """  # noqa: S608
    for table, conditions in _rows(checks):
        for row in select_rows(f"""
            SELECT t.ctid::text AS row, c.name AS constraint FROM {table} t
            CROSS JOIN LATERAL (VALUES {", ".join(conditions)}) AS c (name, is_broken) WHERE c.is_broken
        """):  # noqa: S608
            yield {"table": table, **row}


def _missing_constraints(books: Books) -> Iterator[Row]:
    """Yield constraints of models that don't exist in the database, or are not validated."""
    rows = _rows("SELECT conname FROM pg_constraint WHERE convalidated UNION SELECT relname FROM pg_class")
    existing_names = {name for (name,) in rows}
    for model in our_models():
        for constraint in model._meta.constraints:
            if constraint.name not in existing_names:
                yield {"table": model._meta.db_table, "constraint": constraint.name}
    for name in ("event_counts_once",):
        if name not in existing_names:
            yield {"table": "billing_event", "constraint": name}


def _missing_triggers(books: Books) -> Iterator[Row]:
    """Yield triggers of models that don't exist in the database, or are disabled."""
    existing_triggers = set(
        _rows(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal"
        )
    )
    declared_triggers = [
        (model._meta.db_table, trigger.get_pgid(model))
        for model, trigger in pgtrigger.registered()
        if model._meta.app_label in APPS
    ]
    for table, name in [*declared_triggers, ("billing_event", "event_is_append_only")]:
        if (table, name) not in existing_triggers:
            yield {"table": table, "trigger": name}


CHECKS = (
    Check("no_column_is_a_float", "L7a", _floats),
    Check("every_number_is_finite", "L7b", _infinite),
    Check("every_reference_leads_to_a_row", "L6", _orphans),
    Check("every_row_keeps_its_tables_constraints", "L7", _broken_constraints),
    Check("every_promised_constraint_is_in_force", "L7", _missing_constraints),
    Check("every_promised_trigger_is_in_force", "L3", _missing_triggers),
)
