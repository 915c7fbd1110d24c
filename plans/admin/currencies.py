"""A currency as one types it: three letters."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from plans.models import Fee, Price
from plans.pricing.money import UnknownCurrency, minor_unit

FALLBACK = "USD"


class CurrencyCodeField(forms.CharField):
    """
    A code of ISO 4217. Typed, since a list of 160 entries in every row of a table would be its heaviest part.

    :raises ValidationError: if ISO 4217 does not know the code.
    """

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"class": "currency", "placeholder": "EUR", "autocomplete": "off", "maxlength": 3}
        super().__init__(**{"max_length": 3, "widget": UnfoldAdminTextInputWidget(attrs=attrs), **kwargs})

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").strip().upper()

    def validate(self, value: Any) -> None:
        super().validate(value)
        try:
            _ = minor_unit(value) if value else None
        except UnknownCurrency as error:
            raise forms.ValidationError(str(error)) from None


def usual_currency() -> str:
    """Return the currency that the catalogue was last priced in."""
    for model in (Price, Fee):
        if latest := model.objects.order_by("-pk").values_list("currency", flat=True).first():
            return str(latest)
    return FALLBACK
