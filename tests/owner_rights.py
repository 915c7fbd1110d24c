"""The owner's rights, for a test that plants rows that a trigger refuses."""

import contextlib
from collections.abc import Iterator

from django.db import connection, transaction


@contextlib.contextmanager
def past_triggers() -> Iterator[None]:
    """Run statements that no trigger and no foreign key checks, as the owner."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")
