"""
The tables and columns that make up a version.

They are found through the models' foreign keys, so a table or column added below a version is copied, compared,
approved and exported at once.
"""

from functools import cache
from typing import Any

from django.db.models import CASCADE, ForeignKey, Model, UniqueConstraint

from lib.field_types import AnyField
from plans.models import PlanVersion

LIFECYCLE_FIELDS = {
    *("id", "plan", "number", "state", "audience", "note", "copied_from", "created_at"),
    *("effective_from", "effective_to", "published_at", "published_by", "tried_at"),
}
"""Fields that describe a version's life cycle and not its prices."""


@cache
def child_keys(model: type[Model]) -> tuple[ForeignKey[Any, Any], ...]:
    """
    Return the foreign keys by which rows of other tables are parts of this one's rows: those that delete with it.
    """
    keys = [relation.field for relation in model._meta.related_objects]
    return tuple(key for key in keys if isinstance(key, ForeignKey) and key.remote_field.on_delete is CASCADE)


@cache
def version_tables() -> dict[type[Model], str]:
    """Return the models below a version, outermost first, with the lookup from each one to its version."""
    lookups: dict[type[Model], str] = {}
    pending: list[tuple[type[Model], str]] = [(PlanVersion, "")]
    while pending:
        parent, path = pending.pop(0)
        for key in child_keys(parent):
            lookups[key.model] = f"{key.name}__{path}" if path else key.name
            pending.append((key.model, lookups[key.model]))
    return lookups


def parent_key(model: type[Model]) -> ForeignKey[Any, Any]:
    """Return the foreign key from a model below a version to its parent."""
    return next(
        key for parent in (PlanVersion, *version_tables()) for key in child_keys(parent) if key.model is model
    )


@cache
def identity_fields(model: type[Model]) -> tuple[str, ...]:
    """Return the fields that identify a row within its parent: those of its unique constraint."""
    parent_name = parent_key(model).name
    unique_fields = (
        constraint.fields for constraint in model._meta.constraints if isinstance(constraint, UniqueConstraint)
    )
    return tuple(
        name for name in next(fields for fields in unique_fields if parent_name in fields) if name != parent_name
    )


@cache
def content_fields(model: type[Model]) -> tuple[AnyField, ...]:
    """Return the fields with a row's content, without its id, position, parent and identity."""
    if model is PlanVersion:
        return tuple(field for field in model._meta.concrete_fields if field.name not in LIFECYCLE_FIELDS)
    excluded = {"id", "position", parent_key(model).name, *identity_fields(model)}
    return tuple(field for field in model._meta.concrete_fields if field.name not in excluded)
