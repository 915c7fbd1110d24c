"""Transactions with audit facts, which the history triggers store with every changed row."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import pghistory
from django.contrib.auth.models import User
from django.db import transaction

_is_nested: ContextVar[bool] = ContextVar("is_part", default=False)


@contextmanager
def audited_transaction(action: str, *, by: User | None, at: datetime, **facts: Any) -> Iterator[None]:
    """
    Run one transaction whose history rows state the action, the user and the operation's time.

    by: None if no person acted; a person whom the request has set is kept then. A nested call keeps the action of the
        outermost one, so a change is recorded by the requested operation and not by its last step.
    """
    if by is not None:
        facts["user"] = by.pk
    if not _is_nested.get():
        facts |= {"action": action, "at": at.isoformat()}
    token = _is_nested.set(True)
    try:
        with transaction.atomic(), pghistory.context(**facts):
            yield
    finally:
        _is_nested.reset(token)
