"""The values of a row's fields as texts of a file, and back."""

from decimal import Decimal
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    DecimalField,
    Field,
    ForeignKey,
    IntegerField,
    JSONField,
    TextField,
)
from djmoney.models.fields import CurrencyField

from lib.decimals import to_plain_string
from plans.price_lists import cell_parser
from plans.price_lists.cell_parser import CellRefused

YES_OR_NO = {"yes": True, "no": False, "true": True, "false": False}


def text_of(field: Field, value: Any) -> str:
    """Return a value as a cell: a number that is the usual one leaves it empty."""
    if value is None or (isinstance(value, int | Decimal) and is_usual(field, value)):
        return ""
    return written(value)


def written(value: Any) -> str:
    """Return a value as text, every digit of it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return to_plain_string(value)
    if isinstance(value, dict):
        return cell_parser.match_text(value)
    return cell_parser.moment_text(value) if hasattr(value, "tzinfo") else str(value)


def is_usual(field: Field, value: Any) -> bool:
    return bool(field.has_default()) and not isinstance(value, bool) and value == field.get_default()


def value_of(field: Field, text: str) -> Any:
    """
    Return what a cell says; an empty one says the usual: the field's default, or nothing.

    :raises CellRefused: if it says nothing that the field could hold.
    """
    if text == "" and not isinstance(field, JSONField):
        if field.has_default() and (usual := field.get_default()) is not None:
            return Decimal(usual) if isinstance(field, DecimalField) else usual
        if not field.null and not field.blank:
            raise CellRefused("This cell must not be empty.")
        return None if field.null else ""
    if isinstance(field, CurrencyField):
        return cell_parser.currency(text)
    if field.choices:
        return _choice(field, text)
    return _read(field, text)


def _read(field: Field, text: str) -> Any:
    if isinstance(field, BooleanField):
        if text.lower() not in YES_OR_NO:
            raise CellRefused(f"“{text}” is neither yes nor no.")
        return YES_OR_NO[text.lower()]
    if isinstance(field, IntegerField):
        found = cell_parser.figure(text, places=0)
        return int(found)
    if isinstance(field, DecimalField):
        return cell_parser.figure(text, places=field.decimal_places)
    if isinstance(field, JSONField):
        return cell_parser.match(text)
    if isinstance(field, DateTimeField):
        return cell_parser.moment(text)
    if isinstance(field, CharField | TextField):
        return text
    if isinstance(field, ForeignKey):
        return text  # a code: whoever stores the rows looks them all up at once
    raise TypeError(f"A price list has no text for a {type(field).__name__}: {field}.")


def _choice(field: Field, text: str) -> Any:
    known = {str(value): value for value, _ in field.flatchoices}
    if text not in known:
        raise CellRefused(f"“{text}” is none of {', '.join(known)}.")
    return known[text]
