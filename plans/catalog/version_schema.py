"""
Which tables and columns a version is made of.

They are found by the models' own keys: what is added below a version is copied, compared, approved and exported from
the day it exists.
"""

from functools import cache

from django.db.models import CASCADE, Field, ForeignKey, Model, UniqueConstraint

from plans.models import PlanVersion

LIFECYCLE_FIELDS = {
    *("id", "plan", "number", "state", "audience", "note", "copied_from", "created_at"),
    *("effective_from", "effective_to", "published_at", "published_by", "tried_at"),
}
"""What a version tells of its life rather than of its prices."""


@cache
def child_keys(model: type[Model]) -> tuple[ForeignKey, ...]:
    """Return the keys by which the rows of other tables are parts of this one's: they are deleted with it."""
    keys = [relation.field for relation in model._meta.related_objects]
    return tuple(key for key in keys if key.remote_field.on_delete is CASCADE)


@cache
def version_tables() -> dict[type[Model], str]:
    """Return the models below a version, outermost first, with the lookup that leads from each to its version."""
    lookups: dict[type[Model], str] = {}
    pending: list[tuple[type[Model], str]] = [(PlanVersion, "")]
    while pending:
        parent, path = pending.pop(0)
        for key in child_keys(parent):
            lookups[key.model] = f"{key.name}__{path}" if path else key.name
            pending.append((key.model, lookups[key.model]))
    return lookups


def parent_key(model: type[Model]) -> ForeignKey:
    """Return the key of a row below a version to what it is a part of."""
    return next(
        key for parent in (PlanVersion, *version_tables()) for key in child_keys(parent) if key.model is model
    )


@cache
def identity_fields(model: type[Model]) -> tuple[str, ...]:
    """Return the fields that tell a row apart within its whole: those that are unique there."""
    parent_name = parent_key(model).name
    unique_fields = (
        constraint.fields for constraint in model._meta.constraints if isinstance(constraint, UniqueConstraint)
    )
    return tuple(
        name for name in next(fields for fields in unique_fields if parent_name in fields) if name != parent_name
    )


@cache
def content_fields(model: type[Model]) -> tuple[Field, ...]:
    """Return the fields that say something of a row: not its number, its place, or what it is a part of."""
    if model is PlanVersion:
        return tuple(field for field in model._meta.concrete_fields if field.name not in LIFECYCLE_FIELDS)
    excluded = {"id", "position", parent_key(model).name, *identity_fields(model)}
    return tuple(field for field in model._meta.concrete_fields if field.name not in excluded)
