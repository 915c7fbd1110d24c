"""Exact numbers out of JSON, in one form per value, so that 1, 1.0 and 1e0 are the same content."""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

MOST_DIGITS = 38
"""Digits before the point, and digits after it, that a number in an event may have."""

_TOO_BIG: int = 10**MOST_DIGITS
_WIDE = Context(prec=2 * MOST_DIGITS + 2)
_PLAIN = re.compile(r"-?\d{1,38}(\.\d{1,38})?", re.ASCII)


class OutOfBoundsNumber:
    """A number beyond the bounds, kept as its text until the event it stands in is refused."""

    def __init__(self, text: str) -> None:
        self.text = text


def parse_number(text: str) -> int | Decimal | OutOfBoundsNumber:
    """Return the exact value of a JSON number, as an int where it is whole."""
    if len(text) <= MOST_DIGITS and text[-1] != "0" and "." in text and "e" not in text and "E" not in text:
        return Decimal(text)  # it is in its one form already, as most are
    if len(text) > 100:
        return OutOfBoundsNumber(text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return OutOfBoundsNumber(text)
    if value and not -MOST_DIGITS <= value.adjusted() < MOST_DIGITS:
        return OutOfBoundsNumber(text)
    value = value.normalize(_WIDE)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MOST_DIGITS:
        return OutOfBoundsNumber(text)
    return int(value) if exponent >= 0 else value


def is_within_bounds(value: int) -> bool:
    """Tell whether an integer has 38 digits at most."""
    return -_TOO_BIG < value < _TOO_BIG


def to_exact_number(value: Any) -> int | Decimal | None:
    """
    Return a property's value as an exact number, or None if it is not one.

    Text counts when it is a plain decimal of at most 38 digits on either side: ASCII digits, no spaces, no exponent.
    """
    kind = type(value)
    if kind is int or kind is Decimal:
        return value  # type: ignore[no-any-return]
    if kind is str and _PLAIN.fullmatch(value):
        number = parse_number(value)
        return None if isinstance(number, OutOfBoundsNumber) else number
    return None
