"""What expressions calculate with: exact numbers, and text, true, false, null, lists and objects of events."""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

from lib.decimals import EXACT
from lib.money import round_to
from plans.aggregation.aggregate_state import QUOTIENT
from plans.aggregation.json_numbers import MOST_DIGITS, measured

MOST_BITS = 768
"""How long a number on the way may be, or either part of a fraction: some 230 digits."""

TOO_LONG = "a number on the way has too many digits"

_TOO_BIG: int = 10**MOST_DIGITS

Number = int | Decimal | Fraction


class NoValue(Exception):
    """An expression gives no quantity for an event; says why, and names what it stumbled over."""


def number_of(value: Any) -> Number:
    """Return a value as a number; text counts where it is a plain decimal, as it does in a property read as it is."""
    if isinstance(value, Fraction):
        return value
    found = measured(value)
    if found is None:
        raise NoValue(f"{shown(value)} is not a number")
    return found


def add(one: Any, other: Any) -> Number:
    if type(one) is int and type(other) is int:
        return one + other
    one, other = _alike(one, other)
    return _bounded(EXACT.add(one, other) if isinstance(one, Decimal) else one + other)


def subtract(one: Any, other: Any) -> Number:
    if type(one) is int and type(other) is int:
        return one - other
    one, other = _alike(one, other)
    return _bounded(EXACT.subtract(one, other) if isinstance(one, Decimal) else one - other)


def multiply(one: Any, other: Any) -> Number:
    if type(one) is not int or type(other) is not int:
        one, other = _alike(one, other)
    return _bounded(EXACT.multiply(one, other) if isinstance(one, Decimal) else one * other)


def divide(one: Any, other: Any) -> Number:
    """Return the exact quotient, also of whole numbers: 7 / 2 is 3.5."""
    return _bounded(Fraction(number_of(one)) / _divisor(other))


def remainder(one: Any, other: Any) -> Number:
    """Return what is left over after whole steps; it has the sign of what is divided."""
    dividend, divisor = Fraction(number_of(one)), _divisor(other)
    left = abs(dividend) % abs(divisor)
    return _bounded(left if dividend >= 0 else -left)


def _divisor(value: Any) -> Fraction:
    divisor = Fraction(number_of(value))
    if not divisor:
        raise NoValue("it divides by zero")
    return divisor


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Return two numbers as two of one kind: whole ones, decimals, or fractions."""
    one, other = number_of(one), number_of(other)
    if type(one) is type(other):
        return one, other
    if isinstance(one, Fraction) or isinstance(other, Fraction):
        return Fraction(one), Fraction(other)
    return Decimal(one), Decimal(other)


def _bounded(value: Number) -> Number:
    """Return a number that is not too long to go on with; of decimals, the context sees to that."""
    if isinstance(value, Decimal):
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise NoValue(TOO_LONG)
    return value


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two values are the same; a number is also what plain text says."""
    if isinstance(one, list | dict) or isinstance(other, list | dict):
        raise NoValue("lists and objects cannot be compared")
    if _is_number(one) or _is_number(other):
        try:
            return number_of(one) == number_of(other)
        except NoValue:
            return False
    return type(one) is type(other) and bool(one == other)


def compare(one: Any, other: Any) -> int:
    """Return below zero, zero or above as `one` comes before, with or after `other`: two texts, or two numbers."""
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    first, second = number_of(one), number_of(other)
    return (first > second) - (first < second)


def is_in(one: Any, other: Any) -> bool:
    """Tell whether a value is an element of a list, or a key of an object."""
    if isinstance(other, dict):
        return isinstance(one, str) and one in other
    if isinstance(other, list):
        return any(is_equal(one, each) for each in other)
    raise NoValue(f"{shown(other)} is neither a list nor an object")


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise NoValue(f"{shown(value)} is not true or false")


def result(value: Any) -> int | Decimal:
    """
    Return what an expression came to, as an int where it is whole.

    What a decimal of 38 places holds is exact; anything else is rounded half-up to twelve places, once.

    :raises NoValue: if it is no number, or one of more than 38 digits before the point.

    Source: docs/metering.md#expressions.
    """
    found = number_of(value)
    if not -_TOO_BIG < found < _TOO_BIG:
        raise NoValue(f"the result has more than {MOST_DIGITS} digits")
    if isinstance(found, int):
        return found
    exact = _quotient(found) if isinstance(found, Fraction) else found
    if exact.as_tuple().exponent < -MOST_DIGITS:  # type: ignore[operator]
        exact = round_to(exact, QUOTIENT)
    return int(exact) if exact == int(exact) else exact.normalize(EXACT)


def _quotient(found: Fraction) -> Decimal:
    try:
        return EXACT.divide(Decimal(found.numerator), Decimal(found.denominator))
    except decimal.Inexact:
        return round_to(found, QUOTIENT)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal | Fraction) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """Return a value as a message names it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = str(value)
    return f"“{text}”" if len(text) <= 60 else f"“{text[:57]}…”"
