"""Filters of lists: by a field, with the theme's widget for its type, and by named conditions."""

from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Any

from django.contrib.admin.utils import get_fields_from_path
from django.db.models import BooleanField, DateField, DateTimeField, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)
from unfold.utils import parse_date_str

from lib.translation import Text


def field_filter(model: type[Model], path: str) -> Any:
    """Return an entry of `list_filter` for a field: as the theme shows choices, relations, dates and switches."""
    field = get_fields_from_path(model, path)[-1]
    if field.choices:
        return path, ChoicesDropdownFilter
    if field.is_relation:
        return path, AutocompleteSelectFilter
    if isinstance(field, DateField):
        return path, DayRangeFilter if isinstance(field, DateTimeField) else RangeDateFilter
    return (path, BooleanRadioFilter) if isinstance(field, BooleanField) else path


class DayRangeFilter(RangeDateFilter):
    """Filters a date and time by days, the last one included; the theme's filter ends at its beginning."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (self._midnight(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": last + timedelta(days=1)})
        return queryset

    def _midnight(self, name: str) -> datetime | None:
        """Return the beginning of a day of the form; None for one that is empty or no date."""
        value = self.used_parameters.get(name)
        day = parse_date_str(value) if isinstance(value, str) else None
        if day is None or not MINYEAR < day.year < MAXYEAR:
            return None
        return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())


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
