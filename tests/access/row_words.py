"""The words that identify a row: names, numbers and amounts that a refused actor can't know."""

from decimal import Decimal

from django.db import models
from django.db.models import Model

SHORTEST = 5
SAYS_NOTHING = {"currency", "time_zone", "locale", "unit", "language", "country", "kind", "aggregation", "rounding"}


def words_of(row: Model | None) -> set[str]:
    """Return the values of a row's own columns and of its customer's, in lowercase."""
    if row is None:
        return set()
    # A posting of an opening balance has no customer: its column says 0.
    customer = getattr(row, "customer", None) if getattr(row, "customer_id", 1) else None
    named = {customer.legal_name, customer.external_id, customer.email} if customer is not None else set()
    own_words = {_as_text(getattr(row, field.attname)) for field in row._meta.concrete_fields if _identifies(field)}
    return {word.lower() for word in own_words | named if len(word) >= SHORTEST}


def _identifies(field: models.Field) -> bool:
    return field.name not in SAYS_NOTHING and not field.choices and not field.is_relation


def _as_text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value if isinstance(value, str) else ""
