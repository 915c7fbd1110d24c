"""What a check is, and what it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import connection, transaction

from billing.audit.shared_reads import Books

Row = dict[str, Any]

MOST_ROWS = 20
"""Offending rows kept of one check: enough to see what is wrong, few enough to read."""


@dataclass(frozen=True, slots=True)
class Check:
    """
    One promise.

    name: a sentence that is true of sound books, its words joined by underscores.
    reference: which invariant it holds (docs/audit.md).
    find: the offending rows: a query that returns them, or a function that does.
    """

    name: str
    reference: str
    find: str | Callable[[Books], Iterable[Row]]

    def run(self, books: Books, *, enough: int = MOST_ROWS + 1) -> "Finding":
        """
        Return what is found; a check that breaks off on what it meets has found something, too.

        enough: after how many rows nothing more is looked for.
        """
        try:
            with transaction.atomic():
                rows = select(self.find) if isinstance(self.find, str) else self.find(books)
                found = list(islice(rows, enough))
        except Exception as error:
            found = [{"cannot be checked": f"{type(error).__name__}: {error}".strip()}]
        return Finding(self, found[:MOST_ROWS], is_cut=len(found) > MOST_ROWS)


@dataclass(slots=True)
class Finding:
    """
    What one check found; `rows` are empty if the promise is kept.

    is_cut: whether there are more. seconds: how long it took.
    """

    check: Check
    rows: list[Row] = field(default_factory=list)
    is_cut: bool = False
    seconds: float = 0.0

    @property
    def is_violated(self) -> bool:
        return bool(self.rows)


def select(statement: str) -> list[Row]:
    """Return the first rows of a query as dictionaries, one more than a finding keeps."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({statement}) AS offending LIMIT {MOST_ROWS + 1}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
