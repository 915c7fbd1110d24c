"""
Database errors in words for the caller.

Constraints and triggers have sentences as names (`external_id_names_one_customer`), so a row that the database
rejects after a race is explained as well as one that a check rejects before.
"""

from functools import cache
from typing import Any

import psycopg
from django.apps import apps
from django.db import DataError, Error, IntegrityError, InterfaceError, OperationalError
from django.db.models import UniqueConstraint

# Long enough for a lock or a connection to become free, short enough for a client to wait.
RETRY_AFTER_SECONDS = 2


def problem_arguments(error: Error | psycopg.Error) -> dict[str, Any] | None:
    """
    Return the arguments of the Problem to raise, or None if the error is a bug and not the caller's mistake.

    Statements outside Django's cursors raise the driver's own errors, including a lost connection.
    """
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    match error:
        case IntegrityError() | psycopg.IntegrityError():
            return _integrity_arguments(cause)
        case DataError() | psycopg.DataError():
            return {"name": "invalid-fields", "detail": "A value is too large to be stored; send a smaller one."}
        case OperationalError() | InterfaceError() | psycopg.OperationalError() | psycopg.InterfaceError():
            return {"name": "database-unavailable", "retry_after": RETRY_AFTER_SECONDS}
    return None


def _integrity_arguments(cause: BaseException | None) -> dict[str, Any] | None:
    if not isinstance(cause, psycopg.Error):
        return None
    if isinstance(cause, psycopg.errors.RestrictViolation):  # raised by our triggers: “name: remedy”
        return {"name": "conflict", "detail": _sentence((cause.diag.message_primary or "").partition(": ")[2])}
    name = cause.diag.constraint_name or ""
    if name not in _constraints():
        return None
    detail = _sentence(name.replace("_", " "))
    fields = _constraints()[name]
    errors = [{"field": field, "code": "taken", "detail": detail} for field in fields]
    return {"name": "conflict", "detail": detail, "errors": errors}


@cache
def _constraints() -> dict[str, tuple[str, ...]]:
    """Return every named constraint of the models, with the fields of unique constraints."""
    return {
        constraint.name: tuple(field for field in constraint.fields if field != "sandbox")
        if isinstance(constraint, UniqueConstraint)
        else ()
        for model in apps.get_models()
        for constraint in model._meta.constraints
    }


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."
