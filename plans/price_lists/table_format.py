"""
A price list as a table: one row for each row of the version, each of which says what it belongs to.

The order of the rows is the order of fees, features and rates; a row may stand anywhere below what it belongs to.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from django.db.models import Field, Model

from lib.tabular_files import CellProblem, TableRow
from plans.catalog.version_schema import identity_fields, parent_key
from plans.price_lists.cell_parser import CellRefused
from plans.price_lists.field_text import text_of, value_of
from plans.price_lists.version_items import Item, ListRefused, fields_of, name_of, tables_of_lists

ROW = "row"
"""The column that says what a row is: a version, a fee, a feature …"""


@cache
def columns() -> tuple[str, ...]:
    """Return all columns: what a row is, what tells it apart (the way to the innermost rows first), what it says."""
    tables = tables_of_lists()
    innermost_first = sorted(tables, key=lambda model: -len(chain_of(model)))
    telling = [name for model in innermost_first for whole in chain_of(model) for name in _telling(whole)]
    return tuple(dict.fromkeys([ROW, *telling, *(name for model in tables for name in fields_of(model))]))


def rows_of(root: Item) -> Iterator[list[str]]:
    """Yield the cells of a price list, row by row."""
    yield from _rows(root, {})


def _rows(item: Item, above: dict[str, str]) -> Iterator[list[str]]:
    fields = fields_of(item.model)
    cells = {name: text_of(field, item.values[name]) for name, field in fields.items()}
    known = above | {name: cells[name] for name in (_telling(item.model))}
    row = {ROW: name_of(item.model)} | known | cells
    yield [row.get(column, "") for column in columns()]
    for part in item.parts:
        yield from _rows(part, known)


def item_of(rows: Sequence[TableRow]) -> Item:
    """
    Return the price list that a table says.

    :raises ListRefused: with every cell that does not fit.
    """
    reader = _Reader()
    for row in rows:
        reader.take(row)
    if reader.problems:
        raise ListRefused(reader.problems)
    return reader.root


class _Reader:
    """Puts rows below what they belong to."""

    def __init__(self) -> None:
        self.root = Item(tables_of_lists()[0], {})
        self.problems: list[CellProblem] = []
        self._known: dict[tuple[Any, ...], Item] = {(self.root.model,): self.root}
        self._models = {name_of(model): model for model in tables_of_lists()}

    def take(self, row: TableRow) -> None:
        model = self._models.get(row.cells[ROW])
        if model is None:
            text = f"A row is a {', '.join(self._models)}; not a “{row.cells[ROW]}”."
            self.problems.append(CellProblem(row.number, ROW, text))
            return
        before = len(self.problems)
        values = self._values(row, model)
        if len(self.problems) > before:
            return
        if model is self.root.model:
            self.root.values, self.root.where = values, row.number
            return
        self._place(Item(model, values, row.number), row)

    def _place(self, item: Item, row: TableRow) -> None:
        chain = chain_of(item.model)
        whole = self._known.get(_key(chain[:-1], row))
        if whole is None:
            text = f"No row above says which {name_of(chain[-2])} this belongs to: add one, or check its cells."
            self.problems.append(CellProblem(row.number, _telling(chain[-2])[-1], text))
            return
        key = _key(chain, row)
        if key in self._known:
            text = f"Row {self._known[key].where} is of the same {name_of(item.model)}."
            self.problems.append(CellProblem(row.number, _telling(item.model)[-1], text))
            return
        self._known[key] = item
        whole.parts.append(item)

    def _values(self, row: TableRow, model: type[Model]) -> dict[str, Any]:
        fields = fields_of(model)
        above = {name for one in chain_of(model) for name in _telling(one)}
        values = {}
        for column, text in row.cells.items():
            if column in fields:
                values[column] = self._value(row, column, fields[column])
            elif text and column != ROW and column not in above:
                self.problems.append(CellProblem(row.number, column, f"A {name_of(model)} has no {column}."))
        return values

    def _value(self, row: TableRow, column: str, field: Field) -> Any:
        try:
            return value_of(field, row.cells[column])
        except CellRefused as refusal:
            self.problems.append(CellProblem(row.number, column, str(refusal)))
            return None


@cache
def chain_of(model: type[Model]) -> tuple[type[Model], ...]:
    """Return a table after all that its rows are parts of, the version first."""
    if model is tables_of_lists()[0]:
        return (model,)
    return *chain_of(parent_key(model).remote_field.model), model


def _telling(model: type[Model]) -> tuple[str, ...]:
    return identity_fields(model) if model is not tables_of_lists()[0] else ()


def _key(chain: Sequence[type[Model]], row: TableRow) -> tuple[Any, ...]:
    """Return what finds a row: its table, and the cells that tell it and its wholes apart, as written."""
    texts = [_same(model, name, row.cells[name]) for model in chain for name in _telling(model)]
    return chain[-1], *texts


def _same(model: type[Model], name: str, text: str) -> str:
    field = fields_of(model)[name]
    try:
        return text_of(field, value_of(field, text))
    except CellRefused:
        return text
