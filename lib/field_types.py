"""
Column types and constraints that keep numbers finite and exact.

PostgreSQL sorts NaN above every number, so `amount >= 0` admits NaN and infinity. Every numeric column for money or
usage is therefore bounded on both sides, by a constraint whose name is a sentence.
"""

from decimal import Decimal
from typing import Any, TypeAlias, TypedDict

from django.db import models
from django.db.models import CheckConstraint, Q

AnyField: TypeAlias = "models.Field[Any, Any]"
"""A column of any type."""


class Digits(TypedDict):
    """The size of a decimal column."""

    max_digits: int
    decimal_places: int


UNIT_PRICE: Digits = {"max_digits": 26, "decimal_places": 12}
"""A price per unit: 14 digits before the point, 12 after it."""

AMOUNT: Digits = {"max_digits": 19, "decimal_places": 4}
"""An amount with one decimal place more than any minor unit: KWD has 3."""

PERCENT: Digits = {"max_digits": 14, "decimal_places": 10}
"""A percentage: two decimal places fewer than a unit price, since it is a price per hundredth."""

# Bounds of the `finite` constraints: far above any real amount or sum, and below NaN and infinity, which PostgreSQL
# sorts last.
MAX_MONEY = Decimal("1e12")
MAX_QUANTITY = Decimal("1e50")
MAX_SEATS = 1_000_000
"""Maximum seats or add-ons of one subscription."""
# Two years.
MAX_TRIAL_DAYS = 730


class QuantityField(models.DecimalField):
    """
    A measured quantity, exact to the last digit that was sent.

    The column is `numeric` without a scale: a fixed scale would round the events' numbers, and pad every figure with
    zeros.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 90, "decimal_places": 38})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs

    def db_type(self, connection: Any) -> str:
        return "numeric"


def finite(field: str, *, name: str, least: Decimal | int = 0, most: Decimal | int = MAX_MONEY) -> CheckConstraint:
    """Return the constraint that `field` lies in [least, most]; NULL passes, NaN and infinity do not."""
    return CheckConstraint(condition=Q(**{f"{field}__gte": least, f"{field}__lte": most}), name=name)


def one_of(field: str, choices: type[models.TextChoices], *, name: str) -> CheckConstraint:
    """Return the constraint that `field` holds one of the values of `choices`."""
    return CheckConstraint(condition=Q(**{f"{field}__in": choices.values}), name=name)
