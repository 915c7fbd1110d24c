"""Select fields with search for codes with many choices: countries, currencies, time zones and locales."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelect2Widget

from lib.countries import all_countries
from lib.translation import Text

PRESETS = ("currency", "time_zone", "locale")
"""Fields that follow from the country, with the names of `Country`."""


class PickList(UnfoldAdminSelect2Widget):
    """
    A select with search; without scripts, a plain select.

    read_options: returns the pairs of a value and its label. A stored value that isn't among them stays selectable.
    """

    template_name = "staff/widgets/pick_list.html"

    def __init__(
        self,
        read_options: Callable[[], Iterable[tuple[str, Text]]],
        *,
        empty: Text = "",
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.read_options, self.empty = read_options, empty

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the options by a template of their own: Django's has one file per option, which takes too long."""
        context: dict[str, Any] = forms.Widget.get_context(self, name, value, attrs)
        chosen = "" if value is None else str(value)
        options: list[tuple[str, Text]] = list(self.read_options())
        if chosen and chosen not in dict(options):
            options = [(chosen, chosen), *options]
        context["widget"] |= {"options": options, "chosen": chosen, "empty": self.empty}
        context["widget"]["has_empty"] = not self.is_required or not chosen
        return context


class CountryList(PickList):
    """
    Countries. presets: fields of the form that the choice of a country fills in, until the user changes them.
    """

    def __init__(self, *, empty: Text = "", presets: Sequence[str] = ()) -> None:
        super().__init__(country_choices, empty=empty)
        if presets:
            usual = {
                code: {name: getattr(country, name) for name in presets} for code, country in all_countries().items()
            }
            self.attrs["data-presets"] = json.dumps(usual)

    class Media:
        js = ("staff/country.js",)


def country_choices() -> list[tuple[str, str]]:
    return [(code, f"{country.name} – {code}") for code, country in all_countries().items()]
