"""Parsers and formats for the cells of price lists and cost lists: text without padding or separators."""

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext

from lib.money import minor_unit
from plans.catalog.dimension_text import format_match, parse_match

# As many digits as a number in an event may have (`json_numbers.MAX_DIGITS`).
MAX_DIGITS = 38


class CellRefused(ValueError):
    """The text does not fit its column; the message gives the reason."""


def parse_number(text: str, *, places: int = MAX_DIGITS) -> Decimal:
    """
    Parse a number of zero or more, with at most `places` decimal places.

    :raises CellRefused: if it is not one.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise CellRefused(
            gettext("“%(text)s” is not a number; write it like 1234.5, without separators.") % {"text": text}
        ) from None
    if not number.is_finite() or number < 0 or number.adjusted() > MAX_DIGITS:
        raise CellRefused(gettext("%(text)s is not a number of zero or more.") % {"text": text})
    if -int(number.normalize().as_tuple().exponent) > places:
        raise CellRefused(
            gettext("%(text)s has more than %(places)s decimal places.") % {"text": text, "places": places}
        )
    return number


def parse_time(text: str) -> datetime:
    """
    Parse a date or time. A date means its start; without a zone, UTC is assumed.

    :raises CellRefused: if it is neither.
    """
    try:
        at = parse_datetime(text) or (datetime.fromisoformat(text) if parse_date(text) else None)
    except ValueError:
        at = None
    if at is None:
        raise CellRefused(
            gettext("“%(text)s” is not a date; write it like 2026-01-31 or 2026-01-31T12:00:00Z.") % {"text": text}
        )
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def format_time(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else ""


def parse_currency(text: str) -> str:
    """
    Parse an ISO 4217 code.

    :raises CellRefused: if the code is unknown.
    """
    code = text.upper()
    try:
        minor_unit(code)
    except ValueError as error:
        raise CellRefused(str(error)) from error
    return code


def parse_dimensions(text: str) -> dict[str, str]:
    """
    Parse dimensions written as “model: gpt-4o”, or as a JSON object.

    :raises CellRefused: if it is neither.
    """
    try:
        if not text.startswith("{"):
            return parse_match(text)
        dimensions = json.loads(text)
    except ValueError as error:
        raise CellRefused(str(error)) from error
    if not isinstance(dimensions, dict) or not all(isinstance(value, str) and value for value in dimensions.values()):
        raise CellRefused(gettext('Write a JSON object of texts, such as {"model": "gpt-4o"}.'))
    return dimensions


def format_dimensions(dimensions: dict[str, str]) -> str:
    """Return dimensions as users type them, or as JSON if that text would be parsed differently."""
    ordered = dict(sorted(dimensions.items()))
    text = format_match(ordered)
    try:
        is_plain = not text.startswith("{") and parse_match(text) == ordered
    except ValueError:
        is_plain = False
    return text if is_plain else json.dumps(ordered, ensure_ascii=False)
