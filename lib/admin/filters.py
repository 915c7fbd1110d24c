"""Filters of lists: by a field, with the theme's widget for its type, and by named conditions."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin.utils import get_fields_from_path
from django.db.models import BooleanField, DateField, Model, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from lib.translation import Text


def field_filter(model: type[Model], path: str) -> Any:
    """Return an entry of `list_filter` for a field: as the theme shows choices, relations, dates and switches."""
    field = get_fields_from_path(model, path)[-1]
    if field.choices:
        return path, ChoicesDropdownFilter
    if field.is_relation:
        return path, AutocompleteSelectFilter
    if isinstance(field, DateField):
        return path, RangeDateFilter
    return (path, BooleanRadioFilter) if isinstance(field, BooleanField) else path


class ConditionFilter(DropdownFilter):
    """A filter whose choices each have a label and a condition."""

    def conditions(self) -> Mapping[str, tuple[Text, Any]]:
        """Return the choices: value in the address → label, condition."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return [(value, label) for value, (label, _) in self.conditions().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        choice = self.conditions().get(self.value() or "")
        return queryset.filter(choice[1]) if choice else queryset
