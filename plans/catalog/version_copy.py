"""Copy everything below a plan version into another one."""

import copy
from collections.abc import Mapping

from django.db.models import ForeignKey, Model

from plans.catalog.version_schema import parts_of
from plans.models import PlanVersion


def copy_contents(*, source: PlanVersion, target: PlanVersion) -> None:
    """Copy every row below `source` to below the draft `target`, in two queries per table."""
    _copy_parts(PlanVersion, {source.pk: target.pk})


def _copy_parts(whole: type[Model], copied: Mapping[int, int]) -> None:
    """Copy the parts of rows of `whole`, of which `copied` says which became which."""
    for key in parts_of(whole):
        _copy_parts(key.model, _copy(key, copied))


def _copy(key: ForeignKey, copied: Mapping[int, int]) -> dict[int, int]:
    """Store a copy of each row that is a part of a copied one, and return which id became which."""
    originals = list(key.model._default_manager.filter(**{f"{key.name}__in": copied}).order_by("pk"))
    copies = []
    for original in originals:
        one = copy.copy(original)
        one._state = copy.copy(original._state)
        one._state.adding = True
        one._state.fields_cache = {}
        one.pk = None
        setattr(one, key.attname, copied[getattr(original, key.attname)])
        copies.append(one)
    key.model._default_manager.bulk_create(copies)
    return {original.pk: one.pk for original, one in zip(originals, copies, strict=True)}
