"""Transactions with audit facts, which the history triggers store with every changed row."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import pghistory
from django.contrib.auth.models import User
from django.db import transaction

_is_nested: ContextVar[bool] = ContextVar("is_nested", default=False)
_has_author: ContextVar[bool] = ContextVar("has_author", default=False)


@contextmanager
def audited_transaction(action: str, *, by: User | None, at: datetime, **facts: Any) -> Iterator[None]:
    """
    Run one transaction whose history rows state the action, the user and the operation's time.

    by: None if no person acted; a person whom the request has set is kept then. A nested call keeps the action and
        the person of the outermost one, so a change is recorded by the requested operation and not by its last step,
        and by the person who approves an act and not by the one who requested it.
    """
    if by is not None and not _has_author.get():
        facts["user"] = by.pk
    if not _is_nested.get():
        facts |= {"action": action, "at": at.isoformat()}
    nested, author = _is_nested.set(True), _has_author.set(_has_author.get() or by is not None)
    try:
        with transaction.atomic(), pghistory.context(**facts):
            yield
    finally:
        _is_nested.reset(nested)
        _has_author.reset(author)
