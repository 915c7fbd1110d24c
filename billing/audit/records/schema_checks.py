"""What holds of every table of ours, generated from the database's own catalog."""

from collections.abc import Iterable, Iterator
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

from billing.audit.check import Check, Row, select
from billing.audit.shared_reads import Books

APPS = ("customers", "plans", "invoices", "wallets", "billing")
MOST = "1e60"
"""Beyond any bound of any column: a fingerprint, the largest, is a sum of 128-bit numbers."""


def our_models() -> list[type[Model]]:
    return [model for label in APPS for model in apps.get_app_config(label).get_models()]


def _our_tables() -> str:
    """Return the names of our tables as a list for an SQL `IN`."""
    return ", ".join(f"'{model._meta.db_table}'" for model in our_models())


def _floats(books: Books) -> Iterable[Row]:
    return select(f"""
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_name IN ({_our_tables()}) AND data_type IN ('real', 'double precision')
    """)  # noqa: S608


def _infinite(books: Books) -> Iterator[Row]:
    """NaN sorts above every number in PostgreSQL, so that one range keeps out all three: NaN and both infinities."""
    for table, columns in _columns("numeric").items():
        wrong = " OR ".join(f'NOT "{column}" BETWEEN -{MOST} AND {MOST}' for column in columns)
        figures = ", ".join(f'"{column}"' for column in columns)
        for row in select(f"SELECT {figures} FROM {table} WHERE {wrong}"):  # noqa: S608
            yield {"table": table, **row}


def _columns(kind: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    statement = f"""
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_name IN ({_our_tables()}) AND data_type = %s ORDER BY 1, 2
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [kind])
        for table, column in cursor.fetchall():
            found.setdefault(table, []).append(column)
    return found


def _orphans(books: Books) -> Iterator[Row]:
    """
    Look up the row that every foreign key leads to: some are not enforced by the database, for speed, and those that
    are can be switched off. History outlives what it is about, so it is left out.
    """
    for model in our_models():
        if hasattr(model, "pgh_tracked_model"):
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, ForeignKey) and model._meta.db_table != "billing_rollup":
                other, of_other = field.remote_field.model._meta.db_table, field.target_field.column
                lost = f"""
                    SELECT t."{field.column}" AS value FROM {model._meta.db_table} t
                    LEFT JOIN {other} o ON o."{of_other}" = t."{field.column}"
                    WHERE t."{field.column}" IS NOT NULL AND o."{of_other}" IS NULL
                """  # noqa: S608
                for row in select(lost):
                    yield {"table": model._meta.db_table, "column": field.column, **row}


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _broken_constraints(books: Books) -> Iterator[Row]:
    """
    Evaluate every CHECK constraint on the rows that are there: one may have been added without looking at them.

    A table is read once for all of its constraints.
    """
    checks = f"""
        SELECT conrelid::regclass::text, array_agg(format('(%L, NOT (%s))', conname, pg_get_expr(conbin, conrelid)))
        FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text IN ({_our_tables()}) GROUP BY 1 ORDER BY 1
    """  # noqa: S608
    for table, conditions in _rows(checks):
        for row in select(f"""
            SELECT t.ctid::text AS row, c.name AS constraint FROM {table} t
            CROSS JOIN LATERAL (VALUES {", ".join(conditions)}) AS c (name, is_broken) WHERE c.is_broken
        """):  # noqa: S608
            yield {"table": table, **row}


def _missing_constraints(books: Books) -> Iterator[Row]:
    """Every constraint that a model promises stands in the database, and is in force."""
    rows = _rows("SELECT conname FROM pg_constraint WHERE convalidated UNION SELECT relname FROM pg_class")
    standing = {name for (name,) in rows}
    for model in our_models():
        for constraint in model._meta.constraints:
            if constraint.name not in standing:
                yield {"table": model._meta.db_table, "constraint": constraint.name}
    for name in ("event_counts_once",):
        if name not in standing:
            yield {"table": "billing_event", "constraint": name}


def _missing_triggers(books: Books) -> Iterator[Row]:
    """Every trigger that a model promises stands in the database, and is switched on."""
    standing = set(
        _rows(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal"
        )
    )
    promised = [
        (model._meta.db_table, trigger.get_pgid(model))
        for model, trigger in pgtrigger.registered()
        if model._meta.app_label in APPS
    ]
    for table, name in [*promised, ("billing_event", "event_is_append_only")]:
        if (table, name) not in standing:
            yield {"table": table, "trigger": name}


CHECKS = (
    Check("no_column_is_a_float", "L7a", _floats),
    Check("every_number_is_finite", "L7b", _infinite),
    Check("every_reference_leads_to_a_row", "L6", _orphans),
    Check("every_row_keeps_its_tables_constraints", "L7", _broken_constraints),
    Check("every_promised_constraint_is_in_force", "L7", _missing_constraints),
    Check("every_promised_trigger_is_in_force", "L3", _missing_triggers),
)
