"""So much for a thousand or a million units: how prices and costs too small to read are typed."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

PER = [("1", "1"), ("1000", "1,000"), ("1000000", "million")]
PLACES = 12
LEAST_READ = {"1": Decimal("0.01"), "1000": Decimal("0.1")}


class PerField(forms.ChoiceField):
    """How many units a figure beside it is for."""

    def __init__(self, **kwargs: Any) -> None:
        usual = {"choices": PER, "label": "For each", "initial": "1", "required": False}
        super().__init__(**{**usual, "widget": UnfoldAdminSelectWidget(choices=PER), **kwargs})

    def clean(self, value: Any) -> Decimal:
        return Decimal(super().clean(value) or "1")


def readable_per(price: Decimal) -> str:
    """Return for how many units a price of one is best read: for one, unless that is less than a hundredth."""
    found = (per for per, least in LEAST_READ.items() if not price or price * Decimal(per) >= least)
    return next(found, PER[-1][0])


def of_one(figure: Decimal, per: Decimal) -> Decimal:
    """
    Return what one unit comes to.

    :raises ValidationError: if that has more than twelve decimal places.
    """
    found = figure.scaleb(-per.adjusted())
    if -int(found.normalize().as_tuple().exponent) > PLACES:
        raise forms.ValidationError(f"Of one unit that is {found:f}: only 12 decimal places are kept.")
    return found
