"""Prices and costs per thousand or million units, for figures too small to read per unit."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

PER = [("1", "1"), ("1000", "1,000"), ("1000000", _("million"))]
PLACES = 12
LEAST_READ = {"1": Decimal("0.01"), "1000": Decimal("0.1")}
"""Number of units → the smallest price of so many units that is readable."""


class PerField(forms.ChoiceField):
    """The number of units that the price or cost next to it is for."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {"choices": PER, "label": _("Per"), "initial": "1", "required": False}
        super().__init__(**{**defaults, "widget": UnfoldAdminSelectWidget(choices=PER), **kwargs})

    def clean(self, value: Any) -> Decimal:
        return Decimal(super().clean(value) or "1")


def readable_per(price: Decimal) -> str:
    """
    Return the number of units for which a price per unit is most readable: the smallest that gives at least a
    hundredth (per unit) or a tenth (per thousand).
    """
    readable = (per for per, least in LEAST_READ.items() if not price or price * Decimal(per) >= least)
    return next(readable, PER[-1][0])


def to_unit_price(figure: Decimal, per: Decimal) -> Decimal:
    """
    Return the price of one unit.

    :raises ValidationError: if it has more than twelve decimal places.
    """
    unit_price = figure.scaleb(-per.adjusted())
    if -int(unit_price.normalize().as_tuple().exponent) > PLACES:
        text = gettext("This is %(price)s per unit. Enter a value with at most 12 decimal places per unit.")
        raise forms.ValidationError(text % {"price": f"{unit_price:f}"})
    return unit_price
