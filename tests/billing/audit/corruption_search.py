"""
Asking the checks whether any of them finds what was changed, those first that are likely to.

All are asked before it is said that none does: the order decides nothing but how long it takes.
"""

import inspect
import time
from collections import defaultdict
from contextlib import ExitStack
from functools import cache
from unittest.mock import patch

from billing.audit import CHECKS, Check
from billing.audit.records import history, schema_checks
from billing.audit.shared_reads import Books
from plans.catalog.stored_terms import clear_terms_cache

our_models = schema_checks.our_models


class Seeker:
    """
    Who found what.

    last: table and column → who found a change of it last. finders: table → the names of all who found one in it.
    seconds: name → how long the check took when it found nothing, which is how long it takes.
    """

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], str] = {}
        self.finders: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)

    def finds(self, table: str, column: str = "") -> bool:
        """Say whether a check finds what was changed in a table."""
        clear_terms_cache()
        books = Books()
        with ExitStack() as stack:
            for module in (schema_checks, history):
                stack.enter_context(patch.object(module, "our_models", lambda: first(table)))
            return any(self._is_found_by(check, books, table, column) for check in self._in_order(table, column))

    def _in_order(self, table: str, column: str) -> list[Check]:
        last, finders = self.last.get((table, column)), self.finders[table]
        return sorted(
            CHECKS,
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
    """Return our models with that of a table, and its history, before the others."""
    return sorted(our_models(), key=lambda model: getattr(model, "pgh_tracked_model", model)._meta.db_table != table)


@cache
def reads(check: Check, table: str) -> bool:
    """Guess from its text whether a check reads a table."""
    text = check.find if isinstance(check.find, str) else inspect.getsource(inspect.getmodule(check.find))
    return table in text
