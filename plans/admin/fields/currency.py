"""A currency field: a list with search, or typed with suggestions in the rows of a table."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Count
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.admin.pick_lists import PickList
from lib.countries import currency_choices
from lib.currencies import CREDITS
from lib.money import UnknownCurrency, minor_unit
from plans.models import Fee, Price

FALLBACK = "USD"
WORD = "credits"


class CurrencyCodeField(forms.CharField):
    """
    A code of ISO 4217.

    takes_credits: whether “credits” is accepted as well.
    in_rows: whether the field is repeated in the rows of a table, where a list of 160 entries each would be the
        heaviest part of the page. Such a field is typed; the page has one list of suggestions (`lists_currencies`).

    :raises ValidationError: if ISO 4217 does not know the code.
    """

    def __init__(self, *, takes_credits: bool = False, in_rows: bool = False, **kwargs: Any) -> None:
        self.takes_credits = takes_credits
        attrs = {"class": "currency", "placeholder": "EUR", "autocomplete": "off", "maxlength": len(WORD)}
        typed = UnfoldAdminTextInputWidget(attrs | {"list": "currencies"})
        widget = typed if in_rows else PickList(self._options)
        super().__init__(**{"max_length": len(WORD), "widget": widget, **kwargs})

    def _options(self) -> Iterable[tuple[str, str]]:
        return [*([(WORD, WORD)] if self.takes_credits else []), *currency_choices()]

    def to_python(self, value: Any) -> Any:
        typed = (super().to_python(value) or "").strip().upper()
        return CREDITS if typed == WORD.upper() else typed

    def prepare_value(self, value: Any) -> Any:
        return WORD if value == CREDITS else value

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value == CREDITS and not self.takes_credits:
            raise forms.ValidationError(_("Amounts here can't be in credits. Enter a currency, such as USD."))
        try:
            if value:
                minor_unit(value)
        except UnknownCurrency as error:
            raise forms.ValidationError(str(error)) from None


def usual_currency() -> str:
    """Return the currency of most prices, or of most fees if there are no prices."""
    for model in (Price, Fee):
        charged = model.objects.exclude(currency=CREDITS).values("currency").annotate(count=Count("pk"))
        if (most := charged.order_by("-count", "currency").first()) is not None:
            return str(most["currency"])
    return FALLBACK
