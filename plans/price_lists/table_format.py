"""
A price list as a table: one row for each row of the version, with columns that identify its parents.

Fees, features and rates keep the order of the rows; a row may be anywhere below its parent.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from django.db.models import Model

from lib.field_types import AnyField
from lib.tabular_files import CellProblem, TableRow
from plans.catalog.version_schema import identity_fields, parent_key
from plans.price_lists.cell_parser import CellRefused
from plans.price_lists.field_text import format_cell, parse_cell
from plans.price_lists.version_items import Item, ListRefused, fields_of, row_kind, tables_of_lists

ROW = "row"
"""The column with the kind of a row: version, fee, feature …"""


@cache
def columns() -> tuple[str, ...]:
    """
    Return all columns: the kind of row, the identifying columns (those of the innermost rows first), and the values.
    """
    tables = tables_of_lists()
    innermost_first = sorted(tables, key=lambda model: -len(parent_chain(model)))
    identity_columns = [
        name for model in innermost_first for parent in parent_chain(model) for name in _identity_columns(parent)
    ]
    return tuple(dict.fromkeys([ROW, *identity_columns, *(name for model in tables for name in fields_of(model))]))


def to_rows(root: Item) -> Iterator[list[str]]:
    """Yield the cells of a price list, row by row."""
    yield from _rows(root, {})


def _rows(item: Item, parent_cells: dict[str, str]) -> Iterator[list[str]]:
    fields = fields_of(item.model)
    cells = {name: format_cell(field, item.values[name]) for name, field in fields.items()}
    identity_cells = parent_cells | {name: cells[name] for name in (_identity_columns(item.model))}
    row = {ROW: row_kind(item.model)} | identity_cells | cells
    yield [row.get(column, "") for column in columns()]
    for part in item.parts:
        yield from _rows(part, identity_cells)


def item_from_table(rows: Sequence[TableRow]) -> Item:
    """
    Return the price list in a table.

    :raises ListRefused: with every cell that does not fit.
    """
    reader = _Reader()
    for row in rows:
        reader.add_row(row)
    if reader.problems:
        raise ListRefused(reader.problems)
    return reader.root


class _Reader:
    """Attaches each row to its parent."""

    def __init__(self) -> None:
        self.root = Item(tables_of_lists()[0], {})
        self.problems: list[CellProblem] = []
        self._known: dict[tuple[Any, ...], Item] = {(self.root.model,): self.root}
        self._models = {row_kind(model): model for model in tables_of_lists()}

    def add_row(self, row: TableRow) -> None:
        model = self._models.get(row.cells[ROW])
        if model is None:
            text = f"A row is one of {', '.join(self._models)}, not “{row.cells[ROW]}”."
            self.problems.append(CellProblem(row.number, ROW, text))
            return
        problem_count = len(self.problems)
        values = self._values(row, model)
        if len(self.problems) > problem_count:
            return
        if model is self.root.model:
            self.root.values, self.root.where = values, row.number
            return
        self._place(Item(model, values, row.number), row)

    def _place(self, item: Item, row: TableRow) -> None:
        chain = parent_chain(item.model)
        parent = self._known.get(_key(chain[:-1], row))
        if parent is None:
            text = f"No row above names the {row_kind(chain[-2])} of this row. Add one, or check this row's cells."
            self.problems.append(CellProblem(row.number, _identity_columns(chain[-2])[-1], text))
            return
        key = _key(chain, row)
        if key in self._known:
            text = f"Row {self._known[key].where} describes the same {row_kind(item.model)}."
            self.problems.append(CellProblem(row.number, _identity_columns(item.model)[-1], text))
            return
        self._known[key] = item
        parent.parts.append(item)

    def _values(self, row: TableRow, model: type[Model]) -> dict[str, Any]:
        fields = fields_of(model)
        parent_columns = {name for parent in parent_chain(model) for name in _identity_columns(parent)}
        values = {}
        for column, text in row.cells.items():
            if column in fields:
                values[column] = self._value(row, column, fields[column])
            elif text and column != ROW and column not in parent_columns:
                self.problems.append(CellProblem(row.number, column, f"A {row_kind(model)} has no {column}."))
        return values

    def _value(self, row: TableRow, column: str, field: AnyField) -> Any:
        try:
            return parse_cell(field, row.cells[column])
        except CellRefused as refusal:
            self.problems.append(CellProblem(row.number, column, str(refusal)))
            return None


@cache
def parent_chain(model: type[Model]) -> tuple[type[Model], ...]:
    """Return a table preceded by the tables of its parents, the version first."""
    if model is tables_of_lists()[0]:
        return (model,)
    return *parent_chain(parent_key(model).remote_field.model), model


def _identity_columns(model: type[Model]) -> tuple[str, ...]:
    return identity_fields(model) if model is not tables_of_lists()[0] else ()


def _key(chain: Sequence[type[Model]], row: TableRow) -> tuple[Any, ...]:
    """
    Return the lookup key of a row: its table, and the canonical text of the cells that identify it and its parents.
    """
    texts = [_canonical_text(model, name, row.cells[name]) for model in chain for name in _identity_columns(model)]
    return chain[-1], *texts


def _canonical_text(model: type[Model], name: str, text: str) -> str:
    field = fields_of(model)[name]
    try:
        return format_cell(field, parse_cell(field, text))
    except CellRefused:
        return text
