"""
Run the checks until one finds a change, most likely ones first.

All of them run before the search reports that none found it: the order decides only how long it takes.
"""

import inspect
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from unittest.mock import patch

from billing.audit import Check
from billing.audit.records import history, schema_checks
from billing.audit.shared_reads import Books
from plans.catalog.stored_terms import clear_terms_cache

our_models = schema_checks.our_models


class Seeker:
    """
    A search that remembers which check found which change.

    checks: those that are run. last: table and column → name of the check that last found a change of it.
    finders: table → names of all checks that found a change in it.
    seconds: name → duration of the check's last run that found nothing.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self.checks = checks
        self.last: dict[tuple[str, str], str] = {}
        self.finders: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)

    def finds(self, table: str, column: str = "") -> bool:
        """Return whether a check finds the change in a table."""
        clear_terms_cache()
        books = Books()
        with ExitStack() as stack:
            for module in (schema_checks, history):
                stack.enter_context(patch.object(module, "our_models", lambda: first(table)))
            return any(self._is_found_by(check, books, table, column) for check in self._in_order(table, column))

    def _in_order(self, table: str, column: str) -> list[Check]:
        last, finders = self.last.get((table, column)), self.finders[table]
        return sorted(
            self.checks,
            key=lambda check: (
                check.name != last,
                check.name not in finders,
                not reads(check, table),
                self.seconds[check.name],
            ),
        )

    def _is_found_by(self, check: Check, books: Books, table: str, column: str) -> bool:
        began = time.monotonic()
        if check.run(books, limit=1).is_violated:
            self.last[table, column] = check.name
            self.finders[table].add(check.name)
            return True
        self.seconds[check.name] = time.monotonic() - began
        return False


def first(table: str) -> list[type]:
    """Return our models; the model of this table, and its history, come first."""
    return sorted(our_models(), key=lambda model: getattr(model, "pgh_tracked_model", model)._meta.db_table != table)


@cache
def reads(check: Check, table: str) -> bool:
    """Return whether a check's source mentions a table, as a guess at whether the check reads it."""
    text = check.find if isinstance(check.find, str) else inspect.getsource(inspect.getmodule(check.find))
    return table in text
