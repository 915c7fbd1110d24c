"""The filters in use, as chips above a list: each says its value in words, and is removed by a click."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.forms import Form, ModelChoiceField
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from lib.translation import Text


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter in use. link: the list without it."""

    title: Text
    value: Text
    link: str


def filter_chips(changelist: ChangeList) -> Iterator[FilterChip]:
    """Yield the filters that narrow a list, in the order of its filters."""
    for spec in changelist.filter_specs:
        names = [name for name in spec.expected_parameters() if name]
        values = {
            name: changelist.filter_params[name][-1] for name in names if any(changelist.filter_params.get(name, ()))
        }
        if values:
            choice: Any = next(iter(spec.choices(changelist)), {})  # the theme adds a form to it
            form = choice.get("form")
            words = ", ".join(_in_words(name, value, form) for name, value in values.items())
            yield FilterChip(capfirst(str(spec.title)), words, changelist.get_query_string(remove=names))


def _in_words(name: str, value: str, form: Form | None) -> str:
    """Return the label of a chosen value; one that is no choice, such as a date, stands for itself."""
    if name.endswith(("_from", "_to")):
        return (_("from %(date)s") if name.endswith("_from") else _("to %(date)s")) % {"date": value}
    field: Any = form.fields.get(name) if form is not None else None
    if isinstance(field, ModelChoiceField):
        is_key = field.queryset is not None and value.isascii() and value.isdecimal()
        row = field.queryset.filter(pk=value).first() if is_key and field.queryset is not None else None
        return str(row or value)
    return str(dict(getattr(field, "choices", ())).get(value, value))
