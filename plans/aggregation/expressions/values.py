"""
The values that expressions compute with: exact numbers, text, true, false, null, and the lists and objects of events.
"""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

from lib.decimals import EXACT
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT
from plans.aggregation.json_numbers import MAX_DIGITS, to_exact_number

MAX_BITS = 768
"""Maximum bits of an intermediate integer, or of a fraction's numerator or denominator: some 230 digits."""

TOO_LONG = "an intermediate number has too many digits"

_TOO_BIG: int = 10**MAX_DIGITS

Number = int | Decimal | Fraction


class NoValue(Exception):
    """The expression has no value for an event. The text is the reason and names the property or value at fault."""


def to_number(value: Any) -> Number:
    """
    Return a value as a number. Text that is a plain decimal counts as one, as in a property that is read directly.
    """
    if isinstance(value, Fraction):
        return value
    number = to_exact_number(value)
    if number is None:
        raise NoValue(f"{describe(value)} is not a number")
    return number


def add(left: Any, right: Any) -> Number:
    if type(left) is int and type(right) is int:
        return left + right
    left, right = _to_same_type(left, right)
    return _check_length(EXACT.add(left, right) if isinstance(left, Decimal) else left + right)


def subtract(left: Any, right: Any) -> Number:
    if type(left) is int and type(right) is int:
        return left - right
    left, right = _to_same_type(left, right)
    return _check_length(EXACT.subtract(left, right) if isinstance(left, Decimal) else left - right)


def multiply(left: Any, right: Any) -> Number:
    if type(left) is not int or type(right) is not int:
        left, right = _to_same_type(left, right)
    return _check_length(EXACT.multiply(left, right) if isinstance(left, Decimal) else left * right)


def divide(left: Any, right: Any) -> Number:
    """Return the exact quotient, also of integers: 7 / 2 is 3.5."""
    return _check_length(Fraction(to_number(left)) / _divisor(right))


def remainder(left: Any, right: Any) -> Number:
    """Return the remainder of a division; it has the sign of the dividend."""
    dividend, divisor = Fraction(to_number(left)), _divisor(right)
    magnitude = abs(dividend) % abs(divisor)
    return _check_length(magnitude if dividend >= 0 else -magnitude)


def _divisor(value: Any) -> Fraction:
    divisor = Fraction(to_number(value))
    if not divisor:
        raise NoValue("the expression divides by zero")
    return divisor


def _to_same_type(left: Any, right: Any) -> tuple[Any, Any]:
    """Convert two numbers to one type: int, Decimal or Fraction."""
    left, right = to_number(left), to_number(right)
    if type(left) is type(right):
        return left, right
    if isinstance(left, Fraction) or isinstance(right, Fraction):
        return Fraction(left), Fraction(right)
    return Decimal(left), Decimal(right)


def _check_length(value: Number) -> Number:
    """
    Return a number that is short enough for further operations. Decimals need no check: their context limits them.
    """
    if isinstance(value, Decimal):
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise NoValue(TOO_LONG)
    return value


def is_equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal; text that is a plain decimal equals the number."""
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        raise NoValue("lists and objects can't be compared")
    if _is_number(left) or _is_number(right):
        try:
            return to_number(left) == to_number(right)
        except NoValue:
            return False
    return type(left) is type(right) and bool(left == right)


def compare(left: Any, right: Any) -> int:
    """
    Return a number below, equal to or above zero as `left` sorts before, with or after `right`: two texts, or two
    numbers.
    """
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    first, second = to_number(left), to_number(right)
    return (first > second) - (first < second)


def is_in(element: Any, container: Any) -> bool:
    """Return whether a value is an element of a list or a key of an object."""
    if isinstance(container, dict):
        return isinstance(element, str) and element in container
    if isinstance(container, list):
        return any(is_equal(element, member) for member in container)
    raise NoValue(f"{describe(container)} is neither a list nor an object")


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise NoValue(f"{describe(value)} is not true or false")


def to_quantity(value: Any) -> int | Decimal:
    """
    Return the value of an expression, as an int if it is whole.

    A value with at most 38 decimal places is exact; any other is rounded once, half-up, to twelve places.

    :raises NoValue: if it is not a number, or has more than 38 digits before the point.

    Source: docs/metering.md#expressions.
    """
    number = to_number(value)
    if not -_TOO_BIG < number < _TOO_BIG:
        raise NoValue(f"the result has more than {MAX_DIGITS} digits")
    if isinstance(number, int):
        return number
    exact = _quotient(number) if isinstance(number, Fraction) else number
    if exact.as_tuple().exponent < -MAX_DIGITS:  # type: ignore[operator]  # it is finite
        exact = round_to(exact, QUOTIENT)
    return int(exact) if exact == int(exact) else exact.normalize(EXACT)


def _quotient(fraction: Fraction) -> Decimal:
    try:
        return EXACT.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))
    except decimal.Inexact:
        return round_to(fraction, QUOTIENT)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal | Fraction) and not isinstance(value, bool)


def describe(value: Any) -> str:
    """Return a value as text for a message."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = str(value)
    return f"“{text}”" if len(text) <= 60 else f"“{text[:57]}…”"
