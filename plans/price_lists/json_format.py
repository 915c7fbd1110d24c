"""A price list as a JSON document: nested as the version is, numbers as text so that every digit stays."""

import json
from decimal import Decimal
from typing import Any

from django.db.models import Field, Model

from lib.tabular_files import MOST_BYTES, CellProblem, FileRefused
from plans.catalog.version_schema import child_keys, parent_key
from plans.models import PlanVersion
from plans.price_lists.cell_parser import CellRefused
from plans.price_lists.field_text import value_of, written
from plans.price_lists.version_items import Item, ListRefused, fields_of, name_of


def document_of(item: Item) -> dict[str, Any]:
    """Return a row with all it says, and its parts by the name of what they are."""
    found = {name: _given(value) for name, value in item.values.items()}
    for key in child_keys(item.model):
        parts = [document_of(part) for part in item.parts if part.model is key.model]
        found[_name_of_parts(key.model)] = parts
    return found


def as_json(item: Item) -> bytes:
    return (json.dumps(document_of(item), indent=2, ensure_ascii=False) + "\n").encode()


def parse(content: bytes) -> Any:
    """
    Return a document, its numbers exact.

    :raises FileRefused: if it is no JSON, or too large.
    """
    if len(content) > MOST_BYTES:
        raise FileRefused(f"The file has {len(content):,} bytes; {MOST_BYTES:,} are read at most.")
    try:
        return json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise FileRefused(f"The file cannot be read as JSON: {error}.") from error


def item_of_document(document: Any) -> Item:
    """
    Return the price list that a document says.

    :raises ListRefused: with everything in it that does not fit.
    """
    problems: list[CellProblem] = []
    item = _item(PlanVersion, document, "", problems)
    if problems:
        raise ListRefused(problems)
    return item


def _item(model: type[Model], document: Any, where: str, problems: list[CellProblem]) -> Item:
    item = Item(model, {}, where or "/")
    if not isinstance(document, dict):
        problems.append(CellProblem(item.where, "", f"A {name_of(model)} is an object."))
        return item
    fields = fields_of(model)
    parts = {_name_of_parts(key.model): key.model for key in child_keys(model)}
    problems += [
        CellProblem(item.where, str(name), f"A {name_of(model)} has no {name}.")
        for name in document
        if name not in fields and name not in parts
    ]
    for name, field in fields.items():
        try:
            item.values[name] = _value(field, document, name)
        except CellRefused as refusal:
            problems.append(CellProblem(item.where, name, str(refusal)))
    for name, of_part in parts.items():
        listed = document.get(name, [])
        if not isinstance(listed, list):
            problems.append(CellProblem(item.where, name, f"{name} is a list."))
            continue
        item.parts += [_item(of_part, one, f"{where}/{name}/{index}", problems) for index, one in enumerate(listed)]
    return item


def _value(field: Field, document: dict[str, Any], name: str) -> Any:
    given = document.get(name)
    if given is None:
        return value_of(field, "")
    if isinstance(given, dict):
        return value_of(field, json.dumps(given, default=str))
    if isinstance(given, list):
        raise CellRefused(f"{name} is no list.")
    return value_of(field, written(given))


def _given(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | dict) else written(value)


def _name_of_parts(model: type[Model]) -> str:
    return str(parent_key(model).remote_field.related_name)
