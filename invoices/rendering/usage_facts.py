"""The usage in an invoice's appendix. Billing provides it: see docs/decisions/0007-usage-appendix.md."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class DimensionUsage:
    """
    The largest values of a dimension, and the sum of the others.

    values: (value, quantity), largest first; the value is None for usage without the dimension.
    other_values, other_quantity: number of the other values, and their sum.
    """

    name: str
    values: tuple[tuple[str | None, Decimal], ...]
    other_values: int = 0
    other_quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """
    A meter's usage in the invoice's periods, in the customer's time zone.

    steps: (first day of the step, quantity) of steps with usage, in order of time.
    unmatched: the part of the total that arrived after the invoice was issued, and is therefore not on it.
    """

    name: str
    unit: str
    total: Decimal
    step: Literal["day", "month"]
    steps: tuple[tuple[date, Decimal], ...]
    dimensions: tuple[DimensionUsage, ...]
    unmatched: Decimal = Decimal(0)
