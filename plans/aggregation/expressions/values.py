"""What expressions calculate with: exact numbers, and text, true, false, null, lists and objects of events."""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

from lib.decimals import EXACT
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT
from plans.aggregation.json_numbers import MOST_DIGITS, to_exact_number

MOST_BITS = 768
"""How long a number on the way may be, or either part of a fraction: some 230 digits."""

TOO_LONG = "a number on the way has too many digits"

_TOO_BIG: int = 10**MOST_DIGITS

Number = int | Decimal | Fraction


class NoValue(Exception):
    """An expression gives no quantity for an event; says why, and names what it stumbled over."""


def to_number(value: Any) -> Number:
    """Return a value as a number; text counts where it is a plain decimal, as it does in a property read as it is."""
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
    """Return the exact quotient, also of whole numbers: 7 / 2 is 3.5."""
    return _check_length(Fraction(to_number(left)) / _divisor(right))


def remainder(left: Any, right: Any) -> Number:
    """Return what is left over after whole steps; it has the sign of what is divided."""
    dividend, divisor = Fraction(to_number(left)), _divisor(right)
    magnitude = abs(dividend) % abs(divisor)
    return _check_length(magnitude if dividend >= 0 else -magnitude)


def _divisor(value: Any) -> Fraction:
    divisor = Fraction(to_number(value))
    if not divisor:
        raise NoValue("it divides by zero")
    return divisor


def _to_same_type(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two numbers as two of one kind: whole ones, decimals, or fractions."""
    left, right = to_number(left), to_number(right)
    if type(left) is type(right):
        return left, right
    if isinstance(left, Fraction) or isinstance(right, Fraction):
        return Fraction(left), Fraction(right)
    return Decimal(left), Decimal(right)


def _check_length(value: Number) -> Number:
    """Return a number that is not too long to go on with; of decimals, the context sees to that."""
    if isinstance(value, Decimal):
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise NoValue(TOO_LONG)
    return value


def is_equal(left: Any, right: Any) -> bool:
    """Tell whether two values are the same; a number is also what plain text says."""
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        raise NoValue("lists and objects cannot be compared")
    if _is_number(left) or _is_number(right):
        try:
            return to_number(left) == to_number(right)
        except NoValue:
            return False
    return type(left) is type(right) and bool(left == right)


def compare(left: Any, right: Any) -> int:
    """Return below zero, zero or above as `one` comes before, with or after `other`: two texts, or two numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    first, second = to_number(left), to_number(right)
    return (first > second) - (first < second)


def is_in(element: Any, container: Any) -> bool:
    """Tell whether a value is an element of a list, or a key of an object."""
    if isinstance(container, dict):
        return isinstance(element, str) and element in container
    if isinstance(container, list):
        return any(is_equal(element, each) for each in container)
    raise NoValue(f"{describe(container)} is neither a list nor an object")


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise NoValue(f"{describe(value)} is not true or false")


def to_quantity(value: Any) -> int | Decimal:
    """
    Return what an expression came to, as an int where it is whole.

    What a decimal of 38 places holds is exact; anything else is rounded half-up to twelve places, once.

    :raises NoValue: if it is no number, or one of more than 38 digits before the point.

    Source: docs/metering.md#expressions.
    """
    number = to_number(value)
    if not -_TOO_BIG < number < _TOO_BIG:
        raise NoValue(f"the result has more than {MOST_DIGITS} digits")
    if isinstance(number, int):
        return number
    exact = _quotient(number) if isinstance(number, Fraction) else number
    if exact.as_tuple().exponent < -MOST_DIGITS:  # type: ignore[operator]
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
    """Return a value as a message names it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = str(value)
    return f"“{text}”" if len(text) <= 60 else f"“{text[:57]}…”"
