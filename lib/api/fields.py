"""Values as the API takes and gives them."""

import re
from datetime import UTC, datetime
from typing import Any

from djmoney.settings import CURRENCY_CHOICES
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_ADDRESSABLE = re.compile(r"[^\s/?#%\\]+( [^\s/?#%\\]+)*")
_OLDEST, _NEWEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class StrictFields:
    """
    Mixin of serializers that take input: refuses a name that is no field, so that no mistyped one is lost in silence.

    Fields that are only given may be sent back, as a client does that edits what it has read; they change nothing.
    """

    def to_internal_value(self, data: Any) -> Any:
        """:raises serializers.ValidationError: naming the fields that do not exist."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(self.fields)
            detail = serializers.ErrorDetail(f"There is no such field; there are {known}.", "unknown")
            raise serializers.ValidationError({name[:80]: [detail] for name in unknown[:10]})
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "pattern": f"^{_ADDRESSABLE.pattern}$",
        "example": "acme",
    }
)
class ExternalIdField(serializers.CharField):
    """The caller's own name for a thing, which then stands in its address: 200 characters at most."""

    default_error_messages = {
        "address": "“{given}” cannot stand in an address: leave out / ? # % \\ and spaces at either end."
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 200, "trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        """:raises serializers.ValidationError: if the text could not stand in an address."""
        name = super().to_internal_value(data)
        if not _ADDRESSABLE.fullmatch(name) or set(name) == {"."}:
            self.fail("address", given=name[:80])
        return name


@extend_schema_field({"type": "string", "pattern": "^[A-Z]{3}$", "example": "EUR"})
class CurrencyField(serializers.ChoiceField):
    """The ISO 4217 code of money that can be rounded."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[code for code, _ in CURRENCY_CHOICES], **kwargs)


class InstantField(serializers.DateTimeField):
    """A moment, as RFC 3339 writes it: with an offset, since a wall clock alone says nothing. Years 1970 to 2199."""

    default_error_messages = {
        "format": "“{given}” is no RFC 3339 time; write it with its offset, such as 2027-01-31T09:30:00Z.",
        "bounds": "{given} is out of bounds: accepted are the years 1970 to 2199.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        """:raises serializers.ValidationError: if the value is not written so, does not exist or is out of bounds."""
        if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
            self.fail("format", given=str(value)[:40])
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            self.fail("format", given=value)
        # Compared before it is converted: a year 1 with an offset cannot be, and overflows.
        if not _OLDEST <= moment < _NEWEST:
            self.fail("bounds", given=value)
        return moment.astimezone(UTC)
