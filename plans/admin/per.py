"""So much for a thousand or a million units: how prices and costs too small to read are typed."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

PER = [("1", "1"), ("1000", "1,000"), ("1000000", "1 million")]
PLACES = 12


class PerField(forms.ChoiceField):
    """How many units a figure beside it is for."""

    def __init__(self, **kwargs: Any) -> None:
        usual = {"choices": PER, "label": "For each", "initial": "1", "required": False}
        super().__init__(**{**usual, "widget": UnfoldAdminSelectWidget(choices=PER), **kwargs})

    def clean(self, value: Any) -> Decimal:
        return Decimal(super().clean(value) or "1")


def of_one(figure: Decimal, per: Decimal) -> Decimal:
    """
    Return what one unit comes to.

    :raises ValidationError: if that has more than twelve decimal places.
    """
    found = figure.scaleb(-per.adjusted())
    if -int(found.normalize().as_tuple().exponent) > PLACES:
        raise forms.ValidationError(f"Of one unit that is {found:f}: only 12 decimal places are kept.")
    return found
