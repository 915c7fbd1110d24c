"""The audit log as text: field by field, old → new."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import ForeignKey, Model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField, MoneyField
from djmoney.money import Money

from config.admin_site.history.history_reader import RowChange, event_tables, parent_keys
from lib.field_types import AnyField
from lib.formats import format_money, format_number

NOTHING = _("empty")
UNKNOWN = _("not recorded")
SILENT = ("created_at", "position")
"""Fields that are not shown for a row that was added or removed."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A changed field. old is empty for an added row, new for a removed one."""

    label: str
    old: str
    new: str


class RowNames:
    """The names of the rows that changes refer to, read in one query per model."""

    def __init__(self, steps: Iterable[RowChange]) -> None:
        pks_by_model: dict[type[Model], set[Any]] = defaultdict(set)
        for step in steps:
            for field in _fields(step.model):
                if isinstance(field, ForeignKey):
                    states = [state for state in (step.event, step.before) if state is not None]
                    pks_by_model[field.related_model] |= {getattr(state, field.attname) for state in states} - {None}
        self._rows: Mapping[type[Model], Mapping[Any, Model]] = {
            model: model._default_manager.select_related().in_bulk(pks) for model, pks in pks_by_model.items()
        }

    def name_of(self, field: ForeignKey[Any, Any], pk: Any) -> str:
        row = self._rows[field.related_model].get(pk)
        if row is not None:
            return str(row)
        return gettext("%(kind)s %(id)s (removed)") % {"kind": field.related_model._meta.verbose_name, "id": pk}

    def subject(self, step: RowChange) -> str:
        """Return the changed row with its kind, such as “tier up to 10,000”."""
        row = step.model()
        for field in _fields(step.model):
            value = getattr(step.event, field.attname)
            setattr(row, field.attname, value)
            if isinstance(field, ForeignKey) and value in self._rows.get(field.related_model, {}):
                setattr(row, field.name, self._rows[field.related_model][value])
        kind = str(step.model._meta.verbose_name)
        try:
            return f"{kind} {row}"
        # It refers to a row that no longer exists, or its history has only some of the fields that name it.
        except (ObjectDoesNotExist, AttributeError, TypeError):
            return f"{kind} {step.event.pgh_obj_id}"

    def parents(self, step: RowChange) -> str:
        """Return the parents of the changed row, the nearest first: “Requests, Requests in USD”."""
        names, row, model = [], None, step.model
        while (field := next(iter(parent_keys(model)), None)) is not None:
            if row is None:
                row = self._rows.get(field.related_model, {}).get(getattr(step.event, field.attname))
            else:
                row = getattr(row, field.name)
            if row is None:
                break
            names.append(str(row))
            model = field.related_model
        return ", ".join(names)


def describe_differences(step: RowChange, names: RowNames) -> list[FieldDifference]:
    """Return the fields that a change affected, in the model's order of fields."""
    if step.verb == "changed":
        return list(_changes(step, names))
    parents = parent_keys(step.model)  # shown in the heading already
    fields = [field for field in _fields(step.model) if field.name not in SILENT and field not in parents]
    texts = [(_label(field), _shown(step.event, field, names)) for field in fields if not field.primary_key]
    return [
        FieldDifference(label, "", text) if step.verb == "added" else FieldDifference(label, text, "")
        for label, text in texts
        if text != str(NOTHING)
    ]


def _changes(step: RowChange, names: RowNames) -> Iterable[FieldDifference]:
    for field in _fields(step.model):
        if step.before is None:
            if field.name == "state":  # the only field of an issued invoice that may change
                yield FieldDifference(_label(field), str(UNKNOWN), _shown(step.event, field, names))
        elif getattr(step.before, field.attname) != getattr(step.event, field.attname):
            old, new = (_shown(event, field, names) for event in (step.before, step.event))
            yield FieldDifference(_label(field), old, new)


def _fields(model: type[Model]) -> list[AnyField]:
    """Return the fields in the event table, which omits some, such as the digests of secrets."""
    tracked_names = {field.name for table in event_tables(model) for field in table._meta.concrete_fields}
    return [field for field in model._meta.concrete_fields if field.name in tracked_names]


def _label(field: AnyField) -> str:
    return str(capfirst(field.verbose_name))


def _shown(event: Any, field: AnyField, names: RowNames) -> str:
    value = getattr(event, field.name) if isinstance(field, MoneyField) else getattr(event, field.attname)
    if value is None or value == "" or value == [] or value == {}:
        return str(NOTHING)
    if isinstance(field, ForeignKey):
        return names.name_of(field, value)
    if field.choices and not isinstance(field, CurrencyField):
        return str(dict(field.flatchoices).get(value, value))
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, Money):
        return format_money(value.amount, str(value.currency))
    if isinstance(value, Decimal | int):
        return format_number(value)
    if isinstance(value, datetime):
        return f"{date_format(timezone.localtime(value), 'DATETIME_FORMAT')} {timezone.localtime(value):%Z}"
    if isinstance(value, date):
        return date_format(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(inner) for inner in value)
    return str(value)
