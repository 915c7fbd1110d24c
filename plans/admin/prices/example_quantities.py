"""Quantities to work an example for, several at once."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from lib.admin.number_fields import NumberInput
from lib.decimals import MOST_UNITS, to_plain_string

MOST = 5
"""Examples worked out at once."""


class QuantitiesField(forms.CharField):
    """
    Numbers with blanks or semicolons between them; a comma only sets thousands apart.

    :raises ValidationError: if one is not a number of units from 0 to 10⁵⁰.
    """

    def __init__(self, **kwargs: Any) -> None:
        widget = NumberInput(attrs={"placeholder": "1,000 125,000"})
        super().__init__(**{"required": False, "max_length": 300, "widget": widget, **kwargs})

    def has_changed(self, initial: Any, data: Any) -> bool:
        """An example is never worth saving."""
        return False

    def to_python(self, value: Any) -> list[Decimal]:
        return [_quantity(one) for one in str(value or "").replace(";", " ").split()][:MOST]

    def validate(self, value: Any) -> None: ...

    def run_validators(self, value: Any) -> None: ...


def usual(*, bounds: list[Decimal], included: Decimal) -> list[Decimal]:
    """Return the quantities that tell most about a price: its edges and twice the last of them."""
    edges = bounds[-2:] or [included + 1000]
    return [*edges, edges[-1] * 2] if bounds else [edges[0], edges[0] * 10]


def text_of(quantities: list[Decimal]) -> str:
    return " ".join(to_plain_string(one) for one in quantities)


def _quantity(text: str) -> Decimal:
    try:
        quantity = Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise forms.ValidationError(f"“{text}” is not a number; write several as “1000 125000”.") from None
    if not quantity.is_finite() or not 0 <= quantity <= MOST_UNITS:
        raise forms.ValidationError(f"“{text}” is not a quantity from 0 on.")
    return quantity
