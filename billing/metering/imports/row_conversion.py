"""Conversion of a row to the event that a client would send: columns to fields, and cells to exact JSON."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
from django.utils.translation import gettext

from billing.metering.imports.row_reader import ImportFileRefused, ImportRow

FIELDS = ("id", "source", "customer", "subscription", "event", "timestamp", "properties")
PROPERTY = "properties."
LEFT_OUT = "-"
"""The field name that leaves a column out of the event."""

CLOUD_EVENTS = {"customer": "subject", "event": "type", "timestamp": "time", "properties": "data"}
_LITERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false", re.ASCII)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class RowRefused(ValueError):
    """The row is not an event; names the field and the reason."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(slots=True)
class RowMapping:
    """
    How rows are mapped to events.

    fields: column → field.
    id_from: columns whose contents together form the id, where rows have no id of their own.
    as_sent: whether rows are events already.
    floats: number of cells that were doubles, read as their shortest decimal.
    """

    fields: Mapping[str, str]
    id_from: tuple[str, ...] = ()
    as_sent: bool = False
    floats: int = 0

    def to_event(self, row: ImportRow) -> bytes:
        """
        Return a row as a JSON event.

        :raises RowRefused: if the row is not an event.
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
            _put(event, field, self._convert_cell(field, cell))
        if self.id_from:
            event["id"] = self._derive_id(row)
        if "id" not in event:
            raise RowRefused(
                "id", gettext("is missing; add an ID to each row, or derive IDs from columns that identify a row")
            )
        return _encode(_as_cloud_event(event) if "source" in event else event)

    def _convert_cell(self, field: str, cell: Any) -> Any:
        if isinstance(cell, msgspec.Raw):
            return cell
        if field == "properties" and isinstance(cell, str):
            return _parse_object(cell)
        if not field.startswith("properties"):
            return cell.isoformat() if isinstance(cell, datetime) else str(cell)
        if isinstance(cell, str):
            return msgspec.Raw(cell.encode()) if _LITERAL.fullmatch(cell) else cell
        return self._to_exact_json(field, cell)

    def _to_exact_json(self, field: str, value: Any) -> Any:
        """Return a Parquet value as JSON, with every digit of a number."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, Decimal):
            return msgspec.Raw(f"{value:f}".encode())
        if isinstance(value, float):
            if not math.isfinite(value):
                raise RowRefused(field, gettext("%(value)s is not a number") % {"value": value})
            # Counted and reported, because a double may not be exactly the value that was meant.
            self.floats += 1
            return msgspec.Raw(repr(value).encode())
        if isinstance(value, datetime | date):
            return value.isoformat()
        if isinstance(value, dict):
            return {name: self._to_exact_json(field, inner) for name, inner in value.items() if inner is not None}
        if isinstance(value, list):
            return [self._to_exact_json(field, inner) for inner in value]
        raise RowRefused(
            field, gettext("values of type %(type)s are not supported in events") % {"type": type(value).__name__}
        )

    def _derive_id(self, row: ImportRow) -> str:
        """Return an id that is the same whenever the chosen columns have the same contents."""
        cells = [row.cells.get(column) for column in self.id_from]
        if None in cells or "" in cells:
            raise RowRefused(
                "id", gettext("can't be derived: one of %(columns)s is empty") % {"columns": ", ".join(self.id_from)}
            )
        contents = [bytes(cell).decode() if isinstance(cell, msgspec.Raw) else str(cell) for cell in cells]
        return blake2b(_encode(contents), digest_size=16).hexdigest()


def build_row_mapping(
    columns: Sequence[str] | None, *, names: Mapping[str, str] | None = None, id_from: Sequence[str] = ()
) -> RowMapping:
    """
    Return the mapping of rows with these columns to events.

    columns: None where each row has its own, as in JSON Lines.
    names: column → field, for columns that are not named like their field; “-” leaves a column out.

    :raises ImportFileRefused: if a column is not a field, or a field that every event needs is missing.
    """
    names = dict(names or {})
    for column, field in names.items():
        if field != LEFT_OUT and not _is_field(field):
            known = f"{', '.join(FIELDS)}, {PROPERTY}…"
            raise ImportFileRefused(
                gettext(
                    "“%(column)s” is mapped to “%(field)s”, which is not a field of an event. Fields are %(known)s."
                )
                % {"column": column, "field": field, "known": known}
            )
    if columns is None:
        return RowMapping(names, tuple(id_from), as_sent=not names and not id_from)
    unknown = [column for column in (*names, *id_from) if column not in columns]
    if unknown:
        raise ImportFileRefused(
            gettext("The file has no column “%(column)s”; its columns are %(columns)s.")
            % {"column": unknown[0], "columns": ", ".join(columns)}
        )
    fields = {column: names.get(column, column) for column in columns}
    for column, field in fields.items():
        if field != LEFT_OUT and not _is_field(field):
            raise ImportFileRefused(
                gettext(
                    "The column “%(column)s” is not a field of an event (%(fields)s). Rename it to"
                    " properties.%(column)s if it describes usage, map it to a field, or map it to “-” to"
                    " ignore it."
                )
                % {"column": column, "fields": ", ".join(FIELDS)}
            )
    repeated_fields = [
        field for field in fields.values() if field != LEFT_OUT and list(fields.values()).count(field) > 1
    ]
    if repeated_fields:
        raise ImportFileRefused(
            gettext("Two columns are mapped to “%(field)s”; map one of them to “-”.") % {"field": repeated_fields[0]}
        )
    for field in ("customer", "event", *(() if id_from else ("id",))):
        if field not in fields.values():
            text = (
                gettext(
                    "No column is mapped to the field “id”. Map one, or derive IDs from columns that identify a row."
                )
                if field == "id"
                else gettext("No column is mapped to the field “%(field)s”.") % {"field": field}
            )
            raise ImportFileRefused(text)
    return RowMapping(fields, tuple(id_from))


def _is_field(name: str) -> bool:
    return name in FIELDS or (name.startswith(PROPERTY) and all(name.split(".")))


def _put(event: dict[str, Any], field: str, value: Any) -> None:
    """Set a field; dots lead into the objects of properties."""
    *path, last = field.split(".")
    for name in path:
        event = event.setdefault(name, {})
        if not isinstance(event, dict):
            raise RowRefused(field, gettext("“%(name)s” is a value and can't contain others") % {"name": name})
    if isinstance(value, dict) and isinstance(event.get(last), dict):
        value = value | event[last]
    event[last] = value


def _parse_object(text: str) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RowRefused("properties", gettext("is not a JSON object: %(error)s") % {"error": error}) from error


def _as_cloud_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with a source as a CloudEvent."""
    return {"specversion": "1.0"} | {CLOUD_EVENTS.get(name, name): value for name, value in event.items()}
