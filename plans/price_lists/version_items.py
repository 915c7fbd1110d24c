"""
A price list as plain values: a version and the rows below it, each with its own parts.

Which tables and columns there are is found by plans.catalog.version_schema, so what is added below a version is in
its price list from the day it exists.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Field, Model
from djmoney.models.fields import MoneyField

from lib.tabular_files import CellProblem
from plans.catalog.version_schema import child_keys, content_fields, identity_fields, parent_key, version_tables
from plans.catalog.version_snapshot import read_rows
from plans.models import PlanVersion

NAMES = {"planversion": "version", "planfeature": "feature", "includedcredits": "included credits"}
"""What a row of a table is called in a file; the table's own name where nothing else is said."""


class ListRefused(ValueError):
    """A price list that cannot be taken in, with what is wrong with it; nothing of it was stored."""

    def __init__(self, problems: list[CellProblem]) -> None:
        super().__init__(" ".join(one.text for one in problems[:3]))
        self.problems = problems


@dataclass(slots=True)
class Item:
    """
    One row of a version.

    values: by the names of its fields. where: the row of the file, or the way to it in a document.
    """

    model: type[Model]
    values: dict[str, Any]
    where: int | str = ""
    parts: list["Item"] = field(default_factory=list)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells it apart from the other rows of its table in the same whole."""
        return tuple(_comparable(self.values.get(name)) for name in identity_fields(self.model))


def name_of(model: type[Model]) -> str:
    return NAMES.get(str(model._meta.model_name), str(model._meta.model_name))


def fields_of(model: type[Model]) -> dict[str, Field]:
    """Return the fields of a row that stand in a price list: first those that tell it apart."""
    own = identity_fields(model) if model is not PlanVersion else ()
    told = {one.name: one for one in content_fields(model)}
    return {name: model._meta.get_field(name) for name in own} | told


def items_of(version: PlanVersion) -> Item:
    """Return what a version holds, in a fixed number of queries and always in the same order."""
    rows = read_rows([version])
    below: dict[tuple[type[Model], int], list[Any]] = defaultdict(list)
    for model, of_model in rows.items():
        for row in of_model:
            below[model, getattr(row, parent_key(model).attname)].append(row)
    return _item(version, below)


def _item(row: Any, below: Mapping[tuple[type[Model], int], list[Any]]) -> Item:
    model = type(row)
    item = Item(model, {name: _value(row, one) for name, one in fields_of(model).items()})
    for key in child_keys(model):
        parts = [(part, _item(part, below)) for part in below.get((key.model, row.pk), ())]
        item.parts += [made for part, made in sorted(parts, key=_place)]
    return item


def _value(row: Any, one: Field) -> Any:
    value = getattr(row, one.name)
    if isinstance(one, MoneyField):
        return value.amount
    return value.code if isinstance(value, Model) else value


def _place(part: tuple[Any, Item]) -> tuple[Any, ...]:
    """Return where a part stands: by its position, and where it has none by what tells it apart, the open last."""
    row, item = part
    return getattr(row, "position", 0), *((value == "", value) for value in map(_sortable, item.identity))


def _sortable(value: Any) -> Any:
    return value if isinstance(value, Decimal) else str(value if value is not None else "")


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return value


def tables_of_lists() -> tuple[type[Model], ...]:
    """Return the tables whose rows are in a price list, outermost first."""
    return PlanVersion, *version_tables()
