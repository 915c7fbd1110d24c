"""Statements whose parameters travel apart from their text, so that the server parses neither twice."""

from contextlib import AbstractContextManager
from typing import Any

from django.db import connection
from psycopg import Cursor


def cursor() -> AbstractContextManager[Cursor[Any]]:
    """
    Return a cursor on Django's own connection, inside the caller's transaction, that binds parameters on the server.

    Django's cursors write parameters into the statement's text: a batch of events would be quoted here and parsed
    there as one huge literal, at half the speed.
    """
    connection.ensure_connection()
    return Cursor(connection.connection)


def pipeline() -> AbstractContextManager[Any]:
    """Return a context in which statements are sent together, and answered together when it ends."""
    connection.ensure_connection()
    return connection.connection.pipeline()  # type: ignore[no-any-return]
