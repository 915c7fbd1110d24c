"""Who did what: said once around a change, and kept by the history triggers with every row it touches."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pghistory
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction


@contextmanager
def change(action: str, *, by: AbstractBaseUser | None, at: datetime, **facts: Any) -> Iterator[None]:
    """
    Run one transaction whose history rows say who did what, and when by the clock of the operation.

    by: None where no person acted; a person whom a request has named already is kept then.
    """
    if by is not None:
        facts["user"] = by.pk
    with transaction.atomic(), pghistory.context(action=action, at=at.isoformat(), **facts):
        yield
