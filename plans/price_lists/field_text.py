"""Conversion of field values to text in a file, and back."""

from decimal import Decimal
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    DecimalField,
    ForeignKey,
    IntegerField,
    JSONField,
    TextField,
)
from django.utils.translation import gettext
from djmoney.models.fields import CurrencyField

from lib.decimals import to_plain_string
from lib.field_types import AnyField
from plans.price_lists import cell_parser
from plans.price_lists.cell_parser import CellRefused

YES_OR_NO = {"yes": True, "no": False, "true": True, "false": False}


def format_cell(field: AnyField, value: Any) -> str:
    """Return a value as a cell; a number that equals the field's default is left empty."""
    if value is None or (isinstance(value, int | Decimal) and is_default(field, value)):
        return ""
    return value_text(value)


def value_text(value: Any) -> str:
    """Return a value as text with every digit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return to_plain_string(value)
    if isinstance(value, dict):
        return cell_parser.format_dimensions(value)
    return cell_parser.format_time(value) if hasattr(value, "tzinfo") else str(value)


def is_default(field: AnyField, value: Any) -> bool:
    return bool(field.has_default()) and not isinstance(value, bool) and value == field.get_default()


def parse_cell(field: AnyField, text: str) -> Any:
    """
    Parse a cell; an empty cell means the field's default, or no value.

    :raises CellRefused: if the field cannot hold the value.
    """
    if text == "" and not isinstance(field, JSONField):
        if field.has_default() and (default := field.get_default()) is not None:
            return Decimal(default) if isinstance(field, DecimalField) else default
        if not field.null and not field.blank:
            raise CellRefused(gettext("This cell is required."))
        return None if field.null else ""
    if isinstance(field, CurrencyField):
        return cell_parser.parse_currency(text)
    if field.choices:
        return _parse_choice(field, text)
    return _parse_text(field, text)


def _parse_text(field: AnyField, text: str) -> Any:
    if isinstance(field, BooleanField):
        if text.lower() not in YES_OR_NO:
            raise CellRefused(gettext("“%(text)s” is neither yes nor no.") % {"text": text})
        return YES_OR_NO[text.lower()]
    if isinstance(field, IntegerField):
        number = cell_parser.parse_number(text, places=0)
        return int(number)
    if isinstance(field, DecimalField):
        return cell_parser.parse_number(text, places=field.decimal_places)
    if isinstance(field, JSONField):
        return cell_parser.parse_dimensions(text)
    if isinstance(field, DateTimeField):
        return cell_parser.parse_time(text)
    if isinstance(field, CharField | TextField):
        return text
    if isinstance(field, ForeignKey):
        return text  # a code; the import looks up all codes in one query
    raise TypeError(f"A price list has no text for a {type(field).__name__}: {field}.")


def _parse_choice(field: AnyField, text: str) -> Any:
    known = {str(value): value for value, _ in field.flatchoices}
    if text not in known:
        raise CellRefused(gettext("“%(text)s” is not one of %(known)s.") % {"text": text, "known": ", ".join(known)})
    return known[text]
