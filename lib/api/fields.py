"""Serializer fields for the values of the API."""

import re
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from djmoney.settings import CURRENCY_CHOICES
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lib.api.field_rules import FieldRule

# The years refuse times that can't be meant, such as milliseconds sent as seconds, and bound the calendar arithmetic.
_YEARS = "(19[7-9][0-9]|2[01][0-9]{2})"
_DAY = "-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_WRITTEN = re.compile("[0-9]{4}" + _DAY + _TIME)
CURRENCY_CODES = [code for code, _ in CURRENCY_CHOICES]
# Control characters are listed, because dialects of regular expressions differ in which of them are white space.
_CHARACTERS = r"[^\s\x00-\x1f\x7f-\x9f/?#%\\]+"
_ADDRESSABLE = rf"^(?!\.+$){_CHARACTERS}( {_CHARACTERS})*$"

INSTANT = {"type": "string", "format": "date-time", "pattern": f"^{_YEARS}{_DAY}{_TIME}$"}
"""The schema of a time in a request."""

Row = TypeVar("Row", bound=Model)


class RowSerializer(serializers.ModelSerializer[Row]):
    """Base class of serializers for responses: the fields that it makes of the model are read-only."""

    def get_extra_kwargs(self) -> dict[str, Any]:
        """Return the arguments of the fields that are not declared."""
        return {name: {"read_only": True} for name in self.Meta.fields}


class StrictFields(serializers.Serializer[Any]):
    """
    Mixin of serializers for input: rejects unknown fields, so that a mistyped name is not ignored.

    Read-only fields are accepted and ignored, since clients may send back an object that they have read.

    rules: between its fields.
    """

    rules: ClassVar[tuple[FieldRule, ...]] = ()

    def to_internal_value(self, data: Any) -> Any:
        """
        Parse the input.

        :raises serializers.ValidationError: naming the unknown fields, or one whose rule is broken.
        """
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(self.fields)
            detail = serializers.ErrorDetail(f"Unknown field; known fields are {known}.", "unknown")
            raise serializers.ValidationError({name[:80]: [detail] for name in unknown[:10]})
        parsed = super().to_internal_value(data)
        values = {name: parsed[field.source] for name, field in self.fields.items() if field.source in parsed}
        for rule in self.rules:
            rule.check(values)
        return parsed


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "pattern": _ADDRESSABLE,
        "example": "acme",
    }
)
class ExternalIdField(serializers.CharField):
    """The caller's own id of an object, which is part of its URL: at most 200 characters."""

    default_error_messages = {
        "address": "“{given}” can't be part of a URL; leave out / ? # % \\ and spaces at either end."
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 200, "trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        """
        Parse the id.

        :raises serializers.ValidationError: if it can't be part of a URL.
        """
        name = super().to_internal_value(data)
        if not re.fullmatch(_ADDRESSABLE, name):
            self.fail("address", given=name[:80])
        return name


class PatternField(serializers.CharField):
    """
    A text in a format.

    pattern: the regular expression that requests declare; the field may accept more, such as spaces.
    """

    pattern: ClassVar[str]


@extend_schema_field({"type": "string", "enum": CURRENCY_CODES, "example": "EUR"})
class CurrencyField(serializers.ChoiceField):
    """The ISO 4217 code of a currency with a minor unit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=CURRENCY_CODES, **kwargs)


class InstantField(serializers.DateTimeField):
    """A time in RFC 3339 with its offset, in the years 1970 to 2199; `lib.api.schema.InstantSchema` describes it."""

    default_error_messages = {
        "format": "“{given}” is not an RFC 3339 time; write it with its offset, such as 2027-01-31T09:30:00Z.",
        "bounds": "{given} is out of range; send a time in the years 1970 to 2199.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        """
        Parse the time.

        :raises serializers.ValidationError: if it is not in this format, does not exist or is out of bounds.
        """
        if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
            self.fail("format", given=str(value)[:40])
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            self.fail("format", given=value)
        # The year as written, so that the schema can say it; the conversion of year 1 with an offset would overflow.
        if not re.match(_YEARS, value):
            self.fail("bounds", given=value)
        return moment.astimezone(UTC)
