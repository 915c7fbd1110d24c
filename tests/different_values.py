"""Another value of a field of any kind: for tests that iterate over all fields."""

from decimal import Decimal
from typing import Any

from django.db.models import Field
from djmoney.models.fields import CurrencyField
from djmoney.money import Money


def another(field: Field, value: Any) -> Any:
    """Return a value that is valid for the field and differs from `value`."""
    if isinstance(field, CurrencyField):
        return "EUR" if value == "USD" else "USD"
    if field.choices:
        return next(choice for choice, _ in field.flatchoices if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {**value, "another": "one"}
    if isinstance(value, list):
        return [*value, "another"]
    if isinstance(value, Money):
        return Money(value.amount + 1, value.currency)
    if isinstance(value, int | Decimal):
        return value + 1
    if value is None:
        return (
            Decimal(7) if hasattr(field, "decimal_places") else 7 if "Integer" in type(field).__name__ else "another"
        )
    return f"{value}x"
