"""Exact numbers from JSON in one canonical form, so that 1, 1.0 and 1e0 are the same content."""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

MAX_DIGITS = 38
"""Maximum digits before the point, and maximum digits after it, of a number in an event."""

_TOO_BIG: int = 10**MAX_DIGITS
_WIDE = Context(prec=2 * MAX_DIGITS + 2)
_PLAIN = re.compile(r"-?\d{1,38}(\.\d{1,38})?", re.ASCII)


class OutOfBoundsNumber:
    """A number out of bounds, kept as text until the event that contains it is rejected."""

    def __init__(self, text: str) -> None:
        self.text = text


def parse_number(text: str) -> int | Decimal | OutOfBoundsNumber:
    """Return the exact value of a JSON number, as an int if it is whole."""
    if len(text) <= MAX_DIGITS and text[-1] != "0" and "." in text and "e" not in text and "E" not in text:
        return Decimal(text)  # canonical already, as most are
    # A long text may still be in bounds (padding zeros), but this bounds the work of parsing it.
    if len(text) > 100:
        return OutOfBoundsNumber(text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return OutOfBoundsNumber(text)
    if value and not -MAX_DIGITS <= value.adjusted() < MAX_DIGITS:
        return OutOfBoundsNumber(text)
    value = value.normalize(_WIDE)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_DIGITS:
        return OutOfBoundsNumber(text)
    return int(value) if exponent >= 0 else value


def is_within_bounds(value: int) -> bool:
    """Return whether an integer has at most 38 digits."""
    return -_TOO_BIG < value < _TOO_BIG


def to_exact_number(value: Any) -> int | Decimal | None:
    """
    Return a property's value as an exact number, or None if it is not a number.

    Text counts as a number if it is a plain decimal with at most 38 digits before and after the point: ASCII digits,
    no spaces, no exponent.
    """
    value_type = type(value)
    if value_type is int or value_type is Decimal:
        return value  # type: ignore[no-any-return]  # it is one of the two
    if value_type is str and _PLAIN.fullmatch(value):
        number = parse_number(value)
        return None if isinstance(number, OutOfBoundsNumber) else number
    return None
