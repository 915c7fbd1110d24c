"""Integrity checks and their findings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction

from billing.audit.shared_reads import Books
from lib import sql

Row = dict[str, Any]

MAX_ROWS = 20
"""Offending rows kept per check: enough to see the problem, few enough to read."""


@dataclass(frozen=True, slots=True)
class Check:
    """
    One invariant.

    name: a sentence that is true of sound books, its words joined by underscores. reference: the invariant's number
    in docs/audit.md. find: the offending rows: a query, or a function that yields them. note: a sentence
    about rows that the check could not compare; empty if it compared all of them.
    """

    name: str
    reference: str
    find: str | Callable[[Books], Iterable[Row]]
    note: Callable[[Books], str] = lambda books: ""

    def run(self, books: Books, *, limit: int = MAX_ROWS + 1) -> "Finding":
        """
        Return the finding; an error while reading the rows is a finding, too.

        limit: stop after this many rows.
        """
        note = ""
        try:
            with transaction.atomic():
                rows = select_rows(self.find) if isinstance(self.find, str) else self.find(books)
                offending_rows = list(islice(rows, limit))
                note = self.note(books)
        except Exception as error:
            offending_rows = [{"cannot be checked": f"{type(error).__name__}: {error}".strip()}]
        return Finding(self, offending_rows[:MAX_ROWS], is_truncated=len(offending_rows) > MAX_ROWS, note=note)


@dataclass(slots=True)
class Finding:
    """
    Result of one check; `rows` is empty if the invariant holds.

    is_truncated: whether there are more rows. note: see `Check`. seconds: how long the check took.
    """

    check: Check
    rows: list[Row] = field(default_factory=list)
    is_truncated: bool = False
    note: str = ""
    seconds: float = 0.0

    @property
    def is_violated(self) -> bool:
        return bool(self.rows)


def select_rows(statement: str) -> list[Row]:
    """Return the first rows of a query as dictionaries, one more than a finding keeps."""
    return sql.fetch_dicts(f"SELECT * FROM ({statement}) AS offending LIMIT {MAX_ROWS + 1}")  # noqa: S608
