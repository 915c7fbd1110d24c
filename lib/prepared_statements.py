"""Statements that the server parses and plans once per connection; their parameters travel apart from the text."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import connection
from psycopg import Cursor


class PreparedCursor(Cursor[Any]):
    """A cursor that prepares what it executes: planning a join takes the server longer than answering it."""

    def execute(self, query: Any, params: Any = None, *, prepare: bool | None = True, **options: Any) -> Any:
        """Execute a statement; its text should be one of few, since each is kept by the connection."""
        return super().execute(query, params, prepare=prepare, **options)


def cursor() -> Cursor[Any]:
    """
    Return a cursor on Django's own connection, inside the caller's transaction, that binds parameters on the server.

    Django's cursors write parameters into the statement's text: a batch of events would be quoted here and parsed
    there as one huge literal, at half the speed.
    """
    connection.ensure_connection()
    return PreparedCursor(connection.connection)


def pipeline() -> AbstractContextManager[Any]:
    """Return a context in which statements are sent together, and answered together when it ends."""
    connection.ensure_connection()
    return connection.connection.pipeline()  # type: ignore[no-any-return]


@contextmanager
def commit_with_last_statements() -> Iterator[None]:
    """
    Send the commit along with the statements of this block, which are the last ones of their transaction.

    Whoever waits for its locks waits for one answer less. Within an outer transaction there is nothing to commit yet.
    Django finds the transaction over when it comes to commit it, and says nothing to the server.
    """
    with pipeline():
        yield
        if connection.in_atomic_block and not connection.savepoint_ids:
            cursor().execute("COMMIT", prepare=False)
