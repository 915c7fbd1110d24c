"""Count the statements that code sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.prepared_statements import PreparedCursor


@contextmanager
def sent_statements() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, the statements that Django's cursors and prepared cursors sent."""
    statements: list[str] = []
    execute = PreparedCursor.execute

    def record(cursor: PreparedCursor, query: str, *args: Any, **options: Any) -> Any:
        statements.append(query)
        return execute(cursor, query, *args, **options)

    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as captured:
        patch.setattr(PreparedCursor, "execute", record)
        yield statements
    statements += [query["sql"] for query in captured]
