"""A price list as a JSON document: nested like the version, with numbers as text to keep every digit."""

import json
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext

from lib.field_types import AnyField
from lib.tabular_files import MAX_BYTES, CellProblem, FileRefused
from plans.catalog.version_schema import child_keys, parent_key
from plans.models import PlanVersion
from plans.price_lists.cell_parser import CellRefused
from plans.price_lists.field_text import parse_cell, value_text
from plans.price_lists.version_items import Item, ListRefused, fields_of, row_kind


def to_document(item: Item) -> dict[str, Any]:
    """Return a row and its parts as a document, the parts in lists by the name of their relation."""
    document = {name: _json_value(value) for name, value in item.values.items()}
    for key in child_keys(item.model):
        parts = [to_document(part) for part in item.parts if part.model is key.model]
        document[_relation_name(key.model)] = parts
    return document


def as_json(item: Item) -> bytes:
    return (json.dumps(to_document(item), indent=2, ensure_ascii=False) + "\n").encode()


def parse(content: bytes) -> Any:
    """
    Parse a document with exact numbers.

    :raises FileRefused: if it is not JSON, or too large.
    """
    if len(content) > MAX_BYTES:
        raise FileRefused(
            gettext("The file has %(bytes)s bytes; the limit is %(most)s.")
            % {"bytes": f"{len(content):,}", "most": f"{MAX_BYTES:,}"}
        )
    try:
        return json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise FileRefused(gettext("The file can't be read as JSON: %(error)s.") % {"error": error}) from error


def item_from_document(document: Any) -> Item:
    """
    Return the price list in a document.

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
        problems.append(CellProblem(item.where, "", f"A {row_kind(model)} must be an object."))
        return item
    fields = fields_of(model)
    parts = {_relation_name(key.model): key.model for key in child_keys(model)}
    problems += [
        CellProblem(item.where, str(name), f"A {row_kind(model)} has no {name}.")
        for name in document
        if name not in fields and name not in parts
    ]
    for name, field in fields.items():
        try:
            item.values[name] = _value(field, document, name)
        except CellRefused as refusal:
            problems.append(CellProblem(item.where, name, str(refusal)))
    for name, part_model in parts.items():
        part_documents = document.get(name, [])
        if not isinstance(part_documents, list):
            problems.append(CellProblem(item.where, name, f"{name} must be a list."))
            continue
        item.parts += [
            _item(part_model, part, f"{where}/{name}/{index}", problems) for index, part in enumerate(part_documents)
        ]
    return item


def _value(field: AnyField, document: dict[str, Any], name: str) -> Any:
    raw_value = document.get(name)
    if raw_value is None:
        return parse_cell(field, "")
    if isinstance(raw_value, dict):
        return parse_cell(field, json.dumps(raw_value, default=str))
    if isinstance(raw_value, list):
        raise CellRefused(f"{name} must be a list.")
    return parse_cell(field, value_text(raw_value))


def _json_value(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | dict) else value_text(value)


def _relation_name(model: type[Model]) -> str:
    return str(parent_key(model).remote_field.related_name)
