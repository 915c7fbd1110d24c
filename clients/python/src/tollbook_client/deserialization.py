"""What the API answers, as dataclasses: by the types that their fields declare."""

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
    Return a JSON value as a `kind`: a dataclass, Decimal, datetime, date, tuple, dict, or what JSON has itself.

    A field that `kind` does not know is left out, since fields are added over time. One that is missing gets its
    default, or else what stands for nothing of its type: an older server did not say it yet.

    :raises TypeError: if the value is of another type altogether.
    """
    return cast(T, _read(kind, value))


def _read(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    if get_origin(kind) in (Union, types.UnionType):
        inner = [one for one in get_args(kind) if one is not type(None)]
        return None if value is None else _read(inner[0], value)
    if get_origin(kind) is Literal:
        return _checked(str, value)  # one that is not listed yet comes from a newer server
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], one) for one in _checked(list, value))
    if get_origin(kind) is dict:
        return {name: _read(get_args(kind)[1], one) for name, one in _checked(dict, value).items()}
    if is_dataclass(kind):
        return _read_dataclass(cast(type, kind), _checked(dict, value))
    return _read_scalar(kind, value)


def _read_scalar(kind: Any, value: Any) -> Any:
    if kind is Decimal:
        return Decimal(_checked((str, int, Decimal), value))
    if kind is datetime:
        found = datetime.fromisoformat(_checked(str, value))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if kind is date:
        return date.fromisoformat(_checked(str, value))
    return _checked(kind, value)


def _read_dataclass(kind: type, value: Mapping[str, Any]) -> Any:
    taken = {}
    for name, its_type, has_default in _fields(kind):
        told = name.rstrip("_")
        if told in value:
            taken[name] = _read(its_type, value[told])
        elif not has_default:
            taken[name] = _empty(its_type)
    return kind(**taken)


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(kind)
    return tuple(
        (one.name, hints[one.name], one.default is not MISSING or one.default_factory is not MISSING)
        for one in fields(kind)
        if one.init
    )


def _empty(kind: Any) -> Any:
    if get_origin(kind) in (tuple, dict):
        return get_origin(kind)()
    return "" if kind is str else False if kind is bool else None


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"The answer has {value!r} where {kind} was expected.")
    return value
