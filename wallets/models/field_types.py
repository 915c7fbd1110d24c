"""Field types of prepaid value."""

from decimal import Decimal
from typing import Any

from django.db import models

from lib.field_types import Digits

UNITS: Digits = {"max_digits": 32, "decimal_places": 12}
"""Credits, or money within a wallet: 20 digits before the decimal point, 12 after it."""

MAX_UNITS = Decimal("1e18")


class UnitsField(models.DecimalField):
    """Credits, or money within a wallet, to 12 decimal places."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, **UNITS})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs
