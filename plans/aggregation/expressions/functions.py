"""What may be called in an expression: some of CEL's functions, with its names and meanings, on exact numbers."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from plans.aggregation.expressions.values import NoValue, Number, number_of, shown


class Function(NamedTuple):
    """A function and how many arguments it takes at least and at most."""

    call: Callable[..., Any]
    least: int = 1
    most: int = 1


def _size(value: Any) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise NoValue(f"{shown(value)} has no size")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise NoValue(f"{shown(value)} is not text")


def _numbers(values: tuple[Any, ...]) -> list[Number]:
    """Return the arguments as numbers, or the elements of a list that stands alone."""
    found = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    if not found:
        raise NoValue("an empty list has no greatest or least")
    return [number_of(value) for value in found]


def _nearest(value: Any) -> int:
    """Round half away from zero."""
    found = Fraction(number_of(value))
    steps = math.floor(abs(found) + Fraction(1, 2))
    return steps if found > 0 else -steps


FUNCTIONS = {
    "size": Function(_size),
    "int": Function(lambda value: math.trunc(number_of(value))),
    "double": Function(number_of),
}

METHODS = {
    "size": Function(_size, 0, 0),
    "startsWith": Function(lambda text, start: _text(text).startswith(_text(start))),
    "endsWith": Function(lambda text, end: _text(text).endswith(_text(end))),
    "contains": Function(lambda text, part: _text(part) in _text(text)),
}
"""Called on a value, which is their first argument and not counted."""

MATH = {
    "greatest": Function(lambda *values: max(_numbers(values)), 1, 64),
    "least": Function(lambda *values: min(_numbers(values)), 1, 64),
    "ceil": Function(lambda value: math.ceil(number_of(value))),
    "floor": Function(lambda value: math.floor(number_of(value))),
    "round": Function(_nearest),
    "trunc": Function(lambda value: math.trunc(number_of(value))),
    "abs": Function(lambda value: abs(number_of(value))),
}
