"""Statements that the server parses and plans once per connection, with parameters sent separately."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import connection
from psycopg import Cursor
from psycopg.rows import namedtuple_row


class PreparedCursor(Cursor[Any]):
    """A cursor that prepares its statements: planning a join takes the server longer than executing it."""

    def execute(self, query: Any, params: Any = None, *, prepare: bool | None = True, **options: Any) -> Any:
        """Execute a statement; its text should be one of few, since the connection keeps each prepared one."""
        return super().execute(query, params, prepare=prepare, **options)


def cursor() -> Cursor[Any]:
    """
    Return a cursor on Django's own connection, inside the caller's transaction, that binds parameters on the server.

    Django's cursors insert parameters into the statement's text: a batch of events would be quoted here and parsed
    there as one huge literal, at half the speed.
    """
    connection.ensure_connection()
    return PreparedCursor(connection.connection)


def named_cursor() -> Cursor[Any]:
    """Return the same cursor, whose rows are named tuples: their columns are read by name."""
    connection.ensure_connection()
    return PreparedCursor(connection.connection, row_factory=namedtuple_row)


def fetch_rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    """Execute a prepared statement and return its rows."""
    with cursor() as prepared_cursor:
        prepared_cursor.execute(statement, parameters)
        return prepared_cursor.fetchall()


def pipeline() -> AbstractContextManager[Any]:
    """Return a context in which statements are sent without waiting; their results arrive when it ends."""
    connection.ensure_connection()
    statements: AbstractContextManager[Any] = connection.connection.pipeline()
    return statements


@contextmanager
def commit_with_last_statements() -> Iterator[None]:
    """
    Send the commit together with the statements of this block, which are the last ones of their transaction.

    Transactions that wait for its locks save one round trip. Within an outer transaction there is nothing to commit
    yet. When Django commits afterwards, the transaction has ended and nothing is sent.
    """
    with pipeline():
        yield
        if connection.in_atomic_block and not connection.savepoint_ids:
            cursor().execute("COMMIT", prepare=False)
