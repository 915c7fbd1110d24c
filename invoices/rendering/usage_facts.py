"""The usage that an invoice's appendix shows. Billing fills it in: see docs/decisions/0007-usage-appendix.md."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class DimensionUsage:
    """
    One dimension's largest values, and the rest of them in one sum.

    values: (value, quantity), largest first; the value is None for usage that did not name the dimension.
    other_values, other_quantity: how many more values there are, and what they come to.
    """

    name: str
    values: tuple[tuple[str | None, Decimal], ...]
    other_values: int = 0
    other_quantity: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """
    What one meter counted in the invoice's periods, by the customer's clock.

    steps: (first day of the step, quantity) where there was usage, in order of time.
    unmatched: how much of the total arrived after the invoice was issued, and so is not on it.
    """

    name: str
    unit: str
    total: Decimal
    step: Literal["day", "month"]
    steps: tuple[tuple[date, Decimal], ...]
    dimensions: tuple[DimensionUsage, ...]
    unmatched: Decimal = Decimal(0)
