"""The copy of everything below a plan version into another one."""

import copy
from collections.abc import Mapping
from typing import Any

from django.db.models import ForeignKey, Model

from plans.catalog.version_schema import child_keys
from plans.models import PlanVersion


def copy_contents(*, source: PlanVersion, target: PlanVersion) -> None:
    """Copy every row below `source` to below the draft `target`, in two queries per table."""
    _copy_parts(PlanVersion, {source.pk: target.pk})


def _copy_parts(model: type[Model], copy_ids: Mapping[int, int]) -> None:
    """Copy the parts of the copied rows of `model`; copy_ids: original id → copy's id."""
    for key in child_keys(model):
        _copy_parts(key.model, _copy_rows(key, copy_ids))


def _copy_rows(key: ForeignKey[Any, Any], copy_ids: Mapping[int, int]) -> dict[int, int]:
    """Store a copy of each row whose parent was copied, and return original id → copy's id."""
    originals = list(key.model._default_manager.filter(**{f"{key.name}__in": copy_ids}).order_by("pk"))
    copies = []
    for original in originals:
        duplicate = copy.copy(original)
        duplicate._state = copy.copy(original._state)
        duplicate._state.adding = True
        duplicate._state.fields_cache = {}
        duplicate.pk = None
        setattr(duplicate, key.attname, copy_ids[getattr(original, key.attname)])
        copies.append(duplicate)
    key.model._default_manager.bulk_create(copies)
    return {original.pk: duplicate.pk for original, duplicate in zip(originals, copies, strict=True)}
