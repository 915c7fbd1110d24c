"""SQL statements on Django's connection, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def fetch_rows(statement: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
    """Execute a statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def fetch_dicts(statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
    """Execute a statement and return its rows by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch_column(statement: str, parameters: Parameters | None = None) -> list[Any]:
    """Execute a statement that returns one column, and return its values."""
    return [value for (value,) in fetch_rows(statement, parameters)]


def execute(statement: str, parameters: Parameters | None = None) -> int:
    """Execute a statement and return the number of rows that it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
