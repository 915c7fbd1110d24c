"""The functions that an expression may call: a part of CEL's, with the same names and meanings, on exact numbers."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from plans.aggregation.expressions.values import NoValue, Number, describe, to_number


class Function(NamedTuple):
    """A function with its minimum and maximum number of arguments."""

    call: Callable[..., Any]
    least: int = 1
    most: int = 1


def _size_of(value: Any) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise NoValue(f"{describe(value)} has no size")


def _require_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise NoValue(f"{describe(value)} is not text")


def _to_numbers(values: tuple[Any, ...]) -> list[Number]:
    """Return the arguments as numbers; a single list argument is expanded into its elements."""
    elements = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    if not elements:
        raise NoValue("an empty list has no maximum or minimum")
    return [to_number(value) for value in elements]


def _round_half_away(value: Any) -> int:
    """Round half away from zero."""
    number = Fraction(to_number(value))
    steps = math.floor(abs(number) + Fraction(1, 2))
    return steps if number > 0 else -steps


FUNCTIONS = {
    "size": Function(_size_of),
    "int": Function(lambda value: math.trunc(to_number(value))),
    "double": Function(to_number),
}

METHODS = {
    "size": Function(_size_of, 0, 0),
    "startsWith": Function(lambda text, start: _require_text(text).startswith(_require_text(start))),
    "endsWith": Function(lambda text, end: _require_text(text).endswith(_require_text(end))),
    "contains": Function(lambda text, part: _require_text(part) in _require_text(text)),
}
"""Functions called on a value, which they receive as a first argument that is not counted."""

MATH = {
    "greatest": Function(lambda *values: max(_to_numbers(values)), 1, 64),
    "least": Function(lambda *values: min(_to_numbers(values)), 1, 64),
    "ceil": Function(lambda value: math.ceil(to_number(value))),
    "floor": Function(lambda value: math.floor(to_number(value))),
    "round": Function(_round_half_away),
    "trunc": Function(lambda value: math.trunc(to_number(value))),
    "abs": Function(lambda value: abs(to_number(value))),
}
