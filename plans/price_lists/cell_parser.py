"""The cells of price lists and cost lists: texts without padding or separators, that mean one thing."""

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from django.utils.dateparse import parse_date, parse_datetime

from lib.money import minor_unit
from plans.catalog.dimension_text import format_match, parse_match

MOST_DIGITS = 38


class CellRefused(ValueError):
    """A cell does not say what its column is for; the text says why."""


def figure(text: str, *, places: int = MOST_DIGITS) -> Decimal:
    """
    Return a number of zero or more, with at most so many decimal places.

    :raises CellRefused: if it is none.
    """
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise CellRefused(f"“{text}” is no number: write it as 1234.5, without separators.") from None
    if not found.is_finite() or found < 0 or found.adjusted() > MOST_DIGITS:
        raise CellRefused(f"{text} is not a number from 0 on.")
    if -int(found.normalize().as_tuple().exponent) > places:
        raise CellRefused(f"{text} has more than {places} decimal places.")
    return found


def moment(text: str) -> datetime:
    """
    Return a moment; a date is its first moment in UTC, and so is a time without a zone.

    :raises CellRefused: if it is neither.
    """
    try:
        found = parse_datetime(text) or (datetime.fromisoformat(text) if parse_date(text) else None)
    except ValueError:
        found = None
    if found is None:
        raise CellRefused(f"“{text}” is no date: write it as 2026-01-31 or 2026-01-31T12:00:00Z.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment_text(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else ""


def currency(text: str) -> str:
    """:raises CellRefused: if ISO 4217 does not know the code."""
    code = text.upper()
    try:
        minor_unit(code)
    except ValueError as error:
        raise CellRefused(str(error)) from error
    return code


def match(text: str) -> dict[str, str]:
    """
    Return dimension → value, for “model: gpt-4o” or the same as a JSON object.

    :raises CellRefused: if it is neither.
    """
    try:
        if not text.startswith("{"):
            return parse_match(text)
        found = json.loads(text)
    except ValueError as error:
        raise CellRefused(str(error)) from error
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise CellRefused('Write an object of texts, such as {"model": "gpt-4o"}.')
    return found


def match_text(wanted: dict[str, str]) -> str:
    """Return a match as one types it, or as JSON where that would not read the same again."""
    ordered = dict(sorted(wanted.items()))
    text = format_match(ordered)
    try:
        is_plain = not text.startswith("{") and parse_match(text) == ordered
    except ValueError:
        is_plain = False
    return text if is_plain else json.dumps(ordered, ensure_ascii=False)
