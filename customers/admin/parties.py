"""The form fields that sellers and customers share."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from lib.admin.pick_lists import PRESETS, CountryList, PickList
from lib.countries import currency_choices, locale_choices, time_zone_choices
from lib.currencies import CREDITS, MINOR_UNITS
from lib.row_form import RowForm

ADDRESS = ("address_line1", "address_line2", ("postal_code", "city"), "region", "country", "email")
LANGUAGE = ("time_zone", "locale")

OPTIONS = {"currency": currency_choices, "time_zone": time_zone_choices, "locale": locale_choices}


class PartyForm(RowForm[Any]):
    """A seller or customer. The country of a new one presets the currency, time zone and locale."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if currency := self.fields.get("currency"):
            self.fields["currency"] = CodeField(initial=currency.initial, help_text=currency.help_text)
        widgets = {name: PickList(options) for name, options in OPTIONS.items()}
        presets = () if self.instance.pk or self.is_bound else PRESETS
        widgets["country"] = CountryList(presets=presets)
        for name in widgets.keys() & self.fields.keys():
            widgets[name].is_required = self.fields[name].required
            self.fields[name].widget = widgets[name]
        if "country" in self.fields:
            self.fields["country"].help_text = _("Presets the currency, time zone and locale.") if presets else ""
        if "locale" in self.fields:
            self.fields["locale"].help_text = _("Language and number format of invoices.")


class CodeField(forms.CharField):
    """
    A currency code in capitals. Withdrawn currencies, which the list leaves out, are accepted as well.

    :raises ValidationError: if ISO 4217 does not know the code.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=3, **kwargs)

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").strip().upper()

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value == CREDITS or value not in MINOR_UNITS:
            text = _("“%(code)s” is not a currency. Enter a code of three letters, such as EUR.")
            raise forms.ValidationError(text % {"code": value})
