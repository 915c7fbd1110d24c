"""Responses of the API as dataclasses, by the types that their fields declare."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read(kind: type[T], value: Any) -> T:
    """
    Return a JSON value as a `kind`: a dataclass, Decimal, datetime, date, tuple, dict, or one of JSON's own types.

    Fields that `kind` does not know are ignored, since newer servers add fields. A missing field gets its default, or
    else the empty value of its type, since older servers lack it.

    :raises TypeError: if the value has another type.
    """
    return cast(T, _read(kind, value))


def _read(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    if get_origin(kind) in (Union, types.UnionType):
        value_types = [member_type for member_type in get_args(kind) if member_type is not type(None)]
        return None if value is None else _read(value_types[0], value)
    if get_origin(kind) is Literal:
        return _require_type(str, value)  # a newer server may send values that are not listed yet
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], element) for element in _require_type(list, value))
    if get_origin(kind) is dict:
        return {name: _read(get_args(kind)[1], member) for name, member in _require_type(dict, value).items()}
    if is_dataclass(kind):
        return _read_dataclass(cast(type, kind), _require_type(dict, value))
    return _read_scalar(kind, value)


def _read_scalar(kind: Any, value: Any) -> Any:
    if kind is Decimal:
        return Decimal(_require_type((str, int, Decimal), value))
    if kind is datetime:
        at = datetime.fromisoformat(_require_type(str, value))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    if kind is date:
        return date.fromisoformat(_require_type(str, value))
    return _require_type(kind, value)


def _read_dataclass(kind: type, value: Mapping[str, Any]) -> Any:
    arguments = {}
    for name, field_type, has_default in _fields(kind):
        json_name = name.rstrip("_")
        if json_name in value:
            arguments[name] = _read(field_type, value[json_name])
        elif not has_default:
            arguments[name] = _empty_value(field_type)
    return kind(**arguments)


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(kind)
    return tuple(
        (
            dataclass_field.name,
            hints[dataclass_field.name],
            dataclass_field.default is not MISSING or dataclass_field.default_factory is not MISSING,
        )
        for dataclass_field in fields(kind)
        if dataclass_field.init
    )


def _empty_value(kind: Any) -> Any:
    if get_origin(kind) in (tuple, dict):
        return get_origin(kind)()
    return "" if kind is str else False if kind is bool else None


def _require_type(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"The response has {value!r} where {kind} was expected.")
    return value
