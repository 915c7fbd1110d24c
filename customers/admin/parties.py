"""The form fields that sellers and customers share."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.row_form import RowForm

ADDRESS = ("address_line1", "address_line2", ("postal_code", "city"), "region", "country", "email")
LANGUAGE = ("time_zone", "locale")


EXAMPLES = {"country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin", "locale": "de_DE"}


class PartyForm(RowForm[Any]):
    """Short codes are typed, with an example in each field: a list of 300 currencies is slower than three letters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, example in EXAMPLES.items():
            if name in self.fields:
                self._type(name, example)

    def _type(self, name: str, example: str) -> None:
        field = self.fields[name]
        widget = UnfoldAdminTextInputWidget(attrs={"placeholder": example, "autocomplete": "off"})
        if isinstance(field, forms.ChoiceField):
            choices: Any = field.choices  # pairs of a code and its name
            known = {str(value) for value, _name in choices}
            self.fields[name] = CodeField(
                known=known, initial=field.initial, widget=widget, help_text=field.help_text
            )
        else:
            field.widget = widget


class CodeField(forms.CharField):
    """
    A code in capitals that must be a known one.

    :raises ValidationError: if it is not.
    """

    def __init__(self, *, known: set[str], **kwargs: Any) -> None:
        self.known = known
        super().__init__(max_length=3, **kwargs)

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").strip().upper()

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value not in self.known:
            text = _("“%(code)s” is not a currency. Enter a code of three letters, such as EUR.")
            raise forms.ValidationError(text % {"code": value})
