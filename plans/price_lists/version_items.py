"""
A price list as plain values: a version and the rows below it, each with its own parts.

plans.catalog.version_schema finds the tables and columns, so a table added below a version is part of its price list
at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Model
from djmoney.models.fields import MoneyField

from lib.field_types import AnyField
from lib.tabular_files import CellProblem
from plans.catalog.version_schema import child_keys, content_fields, identity_fields, version_tables
from plans.catalog.version_snapshot import group_by_parent, read_rows
from plans.models import Feature, PlanVersion

NAMES = {"planversion": "version", "planfeature": "feature", "includedcredits": "included credits"}
"""Names of row kinds in a file; by default the table's own name."""


class ListRefused(ValueError):
    """A price list that cannot be imported, with its problems; nothing was stored."""

    def __init__(self, problems: list[CellProblem]) -> None:
        super().__init__(" ".join(problem.text for problem in problems[:3]))
        self.problems = problems


@dataclass(slots=True)
class Item:
    """
    One row of a version.

    values: by field name. where: the row in the file, or the path in a document.
    """

    model: type[Model]
    values: dict[str, Any]
    where: int | str = ""
    parts: list["Item"] = field(default_factory=list)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Identifies the row among the rows of its table with the same parent."""
        return tuple(_comparable(self.values.get(name)) for name in identity_fields(self.model))


def row_kind(model: type[Model]) -> str:
    return NAMES.get(str(model._meta.model_name), str(model._meta.model_name))


def fields_of(model: type[Model]) -> dict[str, AnyField]:
    """Return a row's fields in a price list, the identifying ones first."""
    identity_names = identity_fields(model) if model is not PlanVersion else ()
    columns = {column.name: column for column in model._meta.concrete_fields}
    return {name: columns[name] for name in (*identity_names, *(column.name for column in content_fields(model)))}


def read_items(version: PlanVersion) -> Item:
    """Return the content of a version, in a fixed number of queries and always in the same order."""
    return _item(version, group_by_parent(read_rows([version])))


def _item(row: Any, rows_by_parent: Mapping[tuple[type[Model], int], list[Any]]) -> Item:
    model: type[Model] = type(row)
    item = Item(model, {name: _value(row, model_field) for name, model_field in fields_of(model).items()})
    for key in child_keys(model):
        parts = [(part, _item(part, rows_by_parent)) for part in rows_by_parent.get((key.model, row.pk), ())]
        item.parts += [part_item for part, part_item in sorted(parts, key=_sort_key)]
    return item


def _value(row: Any, model_field: AnyField) -> Any:
    value = getattr(row, model_field.name)
    if isinstance(model_field, MoneyField):
        return value.amount
    return value.code if isinstance(value, Feature) else value


def _sort_key(part: tuple[Any, Item]) -> tuple[Any, ...]:
    """
    Return the sort key of a part: its place among rows with positions, or else its identity, with an open bound last.

    Rows may share a position; pages and invoices then show the oldest first.
    """
    row, item = part
    if hasattr(row, "position"):
        return row.position, row.pk
    return tuple((value == "", value) for value in map(_sortable, item.identity))


def _sortable(value: Any) -> Any:
    return value if isinstance(value, Decimal) else str(value if value is not None else "")


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return value


def tables_of_lists() -> tuple[type[Model], ...]:
    """Return the tables whose rows are in a price list, outermost first."""
    return PlanVersion, *version_tables()
