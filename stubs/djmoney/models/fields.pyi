# The package's own annotations leave these fields without types.
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from djmoney.money import Money

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

class CurrencyField(models.CharField[_ST, _GT]):
    def __init__(self, price_field: Any = ..., default: str | None = ..., **kwargs: Any) -> None: ...

class MoneyField(models.DecimalField[_ST, _GT]):
    _pyi_private_set_type: Any
    _pyi_private_get_type: Money  # type: ignore[assignment]  # a decimal in the database, and read as Money
    currency_choices: Sequence[tuple[str, str]]
    def __init__(
        self,
        verbose_name: str | None = ...,
        name: str | None = ...,
        max_digits: int | None = ...,
        decimal_places: int | None = ...,
        *,
        currency_field_name: str | None = ...,
        **kwargs: Any,
    ) -> None: ...
