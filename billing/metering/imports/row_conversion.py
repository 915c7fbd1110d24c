"""A row as the event that a client would send: which column is which field, and cells as exact JSON."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from billing.metering.imports.row_reader import FileRefused, Row

FIELDS = ("id", "source", "customer", "subscription", "event", "timestamp", "properties")
PROPERTY = "properties."
LEFT_OUT = "-"
"""What a column is mapped to that is no part of the event."""

CLOUD_EVENTS = {"customer": "subject", "event": "type", "timestamp": "time", "properties": "data"}
_LITERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false", re.ASCII)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class RowRefused(ValueError):
    """The row is no event; says of which field, and why."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(slots=True)
class Shape:
    """
    How rows become events.

    fields: column → field. id_from: columns whose contents together are the id, where rows have none of their own.
    as_sent: whether rows are events already. floats: how many cells were doubles, read by their shortest decimal.
    """

    fields: Mapping[str, str]
    id_from: tuple[str, ...] = ()
    as_sent: bool = False
    floats: int = 0

    def event_of(self, row: Row) -> bytes:
        """
        Return a row as a JSON event.

        :raises RowRefused: if it is none.
        """
        if row.flaw:
            raise RowRefused("row", row.flaw)
        if self.as_sent:
            return row.sent
        event: dict[str, Any] = {}
        for column, cell in row.cells.items():
            field = self.fields.get(column, column)
            if field == LEFT_OUT or cell is None or cell == "":
                continue
            _put(event, field, self._value(field, cell))
        if self.id_from:
            event["id"] = self._derived(row)
        if "id" not in event:
            raise RowRefused("id", "is missing; give each row its own, or have it derived from columns that tell it")
        return _encode(_as_cloud_event(event) if "source" in event else event)

    def _value(self, field: str, cell: Any) -> Any:
        if isinstance(cell, msgspec.Raw):
            return cell
        if field == "properties" and isinstance(cell, str):
            return _object(cell)
        if not field.startswith("properties"):
            return cell.isoformat() if isinstance(cell, datetime) else str(cell)
        if isinstance(cell, str):
            return msgspec.Raw(cell.encode()) if _LITERAL.fullmatch(cell) else cell
        return self._exact(field, cell)

    def _exact(self, field: str, value: Any) -> Any:
        """Return a value of Parquet's as JSON has it, numbers to the last digit."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, Decimal):
            return msgspec.Raw(f"{value:f}".encode())
        if isinstance(value, float):
            if not math.isfinite(value):
                raise RowRefused(field, f"{value} is not a number")
            self.floats += 1
            return msgspec.Raw(repr(value).encode())
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, dict):
            return {name: self._exact(field, inner) for name, inner in value.items() if inner is not None}
        if isinstance(value, list):
            return [self._exact(field, inner) for inner in value]
        raise RowRefused(field, f"a {type(value).__name__} has no place in an event")

    def _derived(self, row: Row) -> str:
        """Return an id that the same contents of the chosen columns always give."""
        cells = [row.cells.get(column) for column in self.id_from]
        if None in cells or "" in cells:
            raise RowRefused("id", f"cannot be derived: one of {', '.join(self.id_from)} is empty")
        contents = [bytes(cell).decode() if isinstance(cell, msgspec.Raw) else str(cell) for cell in cells]
        return blake2b(_encode(contents), digest_size=16).hexdigest()


def shape_of(
    columns: Sequence[str] | None, *, names: Mapping[str, str] | None = None, id_from: Sequence[str] = ()
) -> Shape:
    """
    Return how the rows of a file with these columns become events.

    columns: None where each row has its own, as in JSON Lines. names: column → field, for columns that are not named
    like their field; “-” leaves one out.

    :raises FileRefused: if a column is no field, or what every event needs is nowhere.
    """
    names = dict(names or {})
    for column, field in names.items():
        if field != LEFT_OUT and not _is_field(field):
            known = f"{', '.join(FIELDS)}, {PROPERTY}…"
            raise FileRefused(f"“{column}” is mapped to “{field}”, which is no field of an event: {known}.")
    if columns is None:
        return Shape(names, tuple(id_from), as_sent=not names and not id_from)
    unknown = [column for column in (*names, *id_from) if column not in columns]
    if unknown:
        raise FileRefused(f"The file has no column “{unknown[0]}”; it has {', '.join(columns)}.")
    fields = {column: names.get(column, column) for column in columns}
    for column, field in fields.items():
        if field != LEFT_OUT and not _is_field(field):
            raise FileRefused(
                f"The column “{column}” is no field of an event ({', '.join(FIELDS)}). Name it properties.{column}"
                " if it tells of usage, map it to a field, or map it to “-” to leave it out."
            )
    twice = [field for field in fields.values() if field != LEFT_OUT and list(fields.values()).count(field) > 1]
    if twice:
        raise FileRefused(f"Two columns are “{twice[0]}”; map one of them to “-”.")
    for field in ("customer", "event", *(() if id_from else ("id",))):
        if field not in fields.values():
            way_out = " Map one to it, or have ids derived from columns that tell a row." if field == "id" else ""
            raise FileRefused(f"No column tells the {field} of an event.{way_out}")
    return Shape(fields, tuple(id_from))


def _is_field(name: str) -> bool:
    return name in FIELDS or (name.startswith(PROPERTY) and all(name.split(".")))


def _put(event: dict[str, Any], field: str, value: Any) -> None:
    """Set a field; dots lead into the objects of properties."""
    *path, last = field.split(".")
    for name in path:
        event = event.setdefault(name, {})
        if not isinstance(event, dict):
            raise RowRefused(field, f"“{name}” is a value and holds no others")
    if isinstance(value, dict) and isinstance(event.get(last), dict):
        value = value | event[last]
    event[last] = value


def _object(text: str) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RowRefused("properties", f"is not a JSON object: {error}") from error


def _as_cloud_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with a source in the form that has one."""
    return {"specversion": "1.0"} | {CLOUD_EVENTS.get(name, name): value for name, value in event.items()}
