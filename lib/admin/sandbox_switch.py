"""
The switch of the whole site between live and sandbox rows.

Lists, their files, the search and the choices of forms show rows of one kind. The page of a row opens either way.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.db.models import F, ForeignKey, Model, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest

SESSION_KEY = "shows_sandbox"

_SWITCHED_PAGES = ("_changelist", "_export")
_SWITCHED_SITE_PAGES = frozenset({"autocomplete", "command"})
# A row is of the kind of what it is about; the first of these that it has counts.
_OWNERS = ("customer", "subscription", "wallet", "invoice", "endpoint", "notification")


def shows_sandbox(request: HttpRequest) -> bool:
    """Return whether the user has switched to sandbox rows."""
    return bool(request.session.get(SESSION_KEY))


def switch_rows(request: HttpRequest, *, to_sandbox: bool) -> None:
    """Show this user sandbox rows, or live ones, until they switch again or sign out."""
    request.session[SESSION_KEY] = to_sandbox


def rows_of_kind(rows: QuerySet[Any], *, sandbox: bool) -> QuerySet[Any]:
    """Return the rows of one kind; a row about no customer is live, and a model without owners is of both kinds."""
    paths = list(sandbox_paths(rows.model))
    if not paths:
        return rows
    if len(paths) == 1 and not paths[0].is_nullable:
        return rows.filter(**{paths[0].name: sandbox})
    kinds = Coalesce(*(F(path.name) for path in paths), Value(False))
    rows_with_kind: QuerySet[Any] = rows.alias(is_of_sandbox=kinds)
    return rows_with_kind.filter(is_of_sandbox=sandbox)


class _Path:
    """A lookup from a row to whether it is of the sandbox. is_nullable: whether the row may lack the owner."""

    def __init__(self, name: str, *, is_nullable: bool = False) -> None:
        self.name, self.is_nullable = name, is_nullable


def sandbox_paths(model: type[Model]) -> Iterator[_Path]:
    """Yield the lookups from a model's rows to whether they are of the sandbox; none if they are of neither kind."""
    fields: dict[str, Any] = {field.name: field for field in model._meta.concrete_fields}
    if "sandbox" in fields:
        yield _Path("sandbox")
        return
    for owner in _OWNERS:
        if isinstance(field := fields.get(owner), ForeignKey):
            for path in sandbox_paths(field.remote_field.model):
                yield _Path(f"{owner}__{path.name}", is_nullable=field.null or path.is_nullable)
            if not field.null:
                return


class SwitchedRows(BaseModelAdmin):  # type: ignore[type-arg]  # Django's class takes none at run time
    """A page whose list shows live or sandbox rows."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        name = (match.url_name if match else None) or ""
        is_switched = name.endswith(_SWITCHED_PAGES) or name in _SWITCHED_SITE_PAGES
        return rows_of_kind(rows, sandbox=shows_sandbox(request)) if is_switched else rows
