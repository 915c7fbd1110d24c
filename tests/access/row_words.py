"""The words that tell of a row: names, numbers and amounts that nobody could know who was refused it."""

from decimal import Decimal

from django.db import models
from django.db.models import Model

SHORTEST = 5
SAYS_NOTHING = {"currency", "time_zone", "locale", "unit", "language", "country", "kind", "aggregation", "rounding"}


def words_of(row: Model | None) -> set[str]:
    """Return what a row's own columns, and its customer's, say, in small letters."""
    if row is None:
        return set()
    customer = getattr(row, "customer", None)
    named = {customer.legal_name, customer.external_id, customer.email} if customer is not None else set()
    found = {_written(getattr(row, field.attname)) for field in row._meta.concrete_fields if _tells(field)}
    return {word.lower() for word in found | named if len(word) >= SHORTEST}


def _tells(field: models.Field) -> bool:
    return field.name not in SAYS_NOTHING and not field.choices and not field.is_relation


def _written(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value if isinstance(value, str) else ""
