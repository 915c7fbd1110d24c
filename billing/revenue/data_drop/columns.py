"""Columns of dropped tables: their names, and the Arrow types that follow from our models."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from django.db import models

from lib.field_types import QuantityField


class DropColumn(NamedTuple):
    """A column of a dropped table. path: of the field that it is read from, as in a queryset."""

    name: str
    type: pa.DataType
    path: str


def read_columns(model: type[models.Model], names: str, **paths: str) -> tuple[DropColumn, ...]:
    """Return columns named like fields, followed by those that are read along a path of fields."""
    all_paths = {**{name: name for name in names.split()}, **paths}
    return tuple(DropColumn(name, arrow_type(_field_at(model, path)), path) for name, path in all_paths.items())


def arrow_type(field: Any) -> pa.DataType:
    """
    Return the type that holds all values of a field exactly.

    A measured quantity has up to 88 digits, more than any decimal type of Arrow, so it is text.
    """
    match field:
        case QuantityField():
            return pa.string()
        case models.DecimalField():
            return pa.decimal128(field.max_digits, field.decimal_places)
        case models.DateTimeField():
            return pa.timestamp("us", tz="UTC")
        case models.DateField():
            return pa.date32()
        case models.BooleanField():
            return pa.bool_()
        case models.ForeignKey():
            return arrow_type(field.target_field)
        case models.IntegerField() | models.AutoField():
            return pa.int64()
        case models.CharField() | models.TextField() | models.JSONField():
            return pa.string()
    raise TypeError(f"{field} has no type of column.")


def columns_digest(columns: Iterable[DropColumn], file_format: str) -> str:
    """Return the SHA-256 of a format, and of the names and types: parts with another one are written again."""
    facts = [[column.name, str(column.type)] for column in columns]
    return sha256(msgspec.json.encode([file_format, facts])).hexdigest()


def _field_at(model: type[models.Model], path: str) -> Any:
    *relations, name = path.split("__")
    for relation in relations:
        related: Any = model._meta.get_field(relation).related_model
        model = related
    return model._meta.get_field(name)
