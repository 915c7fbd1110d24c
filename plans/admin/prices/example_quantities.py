"""A form field for the quantities of live examples."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from lib.admin.number_fields import NumberInput
from lib.decimals import MAX_QUANTITY

MOST = 5
"""Maximum number of examples at once."""


class QuantitiesField(forms.CharField):
    """
    Numbers separated by spaces or semicolons; a comma separates thousands.

    :raises ValidationError: if one is not a number of units from 0 to 10⁵⁰.
    """

    def __init__(self, **kwargs: Any) -> None:
        widget = NumberInput(attrs={"placeholder": "1,000 125,000"})
        super().__init__(**{"required": False, "max_length": 300, "widget": widget, **kwargs})

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Never count as a change, since examples are not saved."""
        return False

    def to_python(self, value: Any) -> list[Decimal]:  # type: ignore[override]  # not of text, as the base
        return [_quantity(text) for text in str(value or "").replace(";", " ").split()][:MOST]

    def validate(self, value: Any) -> None: ...

    def run_validators(self, value: Any) -> None: ...


def default_quantities(*, bounds: list[Decimal], included: Decimal) -> list[Decimal]:
    """Return the most informative quantities for a price: its last bounds, and twice the highest one."""
    informative = bounds[-2:] or [included + 1000]
    return [*informative, informative[-1] * 2] if bounds else [informative[0], informative[0] * 10]


def _quantity(text: str) -> Decimal:
    try:
        quantity = Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        message = _("“%(text)s” is not a number. Separate several with spaces, such as “1000 125000”.")
        raise forms.ValidationError(message % {"text": text}) from None
    if not quantity.is_finite() or not 0 <= quantity <= MAX_QUANTITY:
        raise forms.ValidationError(_("“%(text)s” is not a quantity. Enter 0 or more.") % {"text": text})
    return quantity
