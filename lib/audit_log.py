"""Who did what: said once around a change, and kept by the history triggers with every row it touches."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import pghistory
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

_is_nested: ContextVar[bool] = ContextVar("is_part", default=False)


@contextmanager
def audited_transaction(action: str, *, by: AbstractBaseUser | None, at: datetime, **facts: Any) -> Iterator[None]:
    """
    Run one transaction whose history rows say who did what, and when by the clock of the operation.

    by: None where no person acted; a person whom a request has named already is kept then. A change that is a part of
    another one is told as that: by what was asked for, and not by the last step that it took.
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
