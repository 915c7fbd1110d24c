"""Python values as JSON: decimals become text, times RFC 3339."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tollbook_client.money import Money

OMITTED: Any = object()
"""The default of an omitted argument; None is a value of its own."""


def to_json(value: Any) -> bytes:
    """
    Return a value as JSON.

    :raises TypeError: if it contains an object without a JSON form.
    :raises ValueError: if it contains a time without a zone, NaN or Infinity.
    """
    return json.dumps(value, default=_encode, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def without_omitted(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not OMITTED}


def to_query_text(value: Any) -> str:
    """Return a value as text for a URL's query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else str(_encode(value))


def format_time(value: datetime) -> str:
    """
    Return a time in RFC 3339.

    :raises ValueError: if the time has no zone, and is therefore ambiguous.
    """
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone; pass an aware datetime, such as datetime.now(UTC).")
    return value.isoformat()


def _encode(value: Any) -> Any:
    match value:
        case Decimal():
            if not value.is_finite():
                raise ValueError(f"{value} is not a finite number, so it can't be sent.")
            return f"{value:f}"
        case datetime():
            return format_time(value)
        case date():
            return value.isoformat()
        case Money():
            return {"amount": f"{value.amount:f}", "currency": value.currency}
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"{type(value).__name__} can't be sent: {value!r}")
