"""Numbers in the forms and tables of staff pages."""

import re
from decimal import Decimal
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.decimals import to_plain_string
from lib.formats import format_number
from lib.translation import Text

GROUPED = re.compile(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def number_cell(text: str) -> SafeString:
    """Return a number for a table cell: right-aligned, with digits of equal width."""
    return format_html('<span class="figure">{}</span>', text)


class NumberInput(UnfoldAdminTextInputWidget):
    """
    A text input for numbers, shown without padding zeros. `type=number` would round values and change them on
    scrolling.
    """

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off", **(attrs or {}), "class": "figure"})

    def format_value(self, value: Any) -> str | None:
        return (
            to_plain_string(value)
            if isinstance(value, Decimal) and value.is_finite()
            else super().format_value(value)
        )

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """
        Remove the commas from 10,000 and 1,250,000.50, but not from 0,05, which is then rejected instead of misread.
        """
        value = super().value_from_datadict(data, files, name)
        return value.replace(",", "") if isinstance(value, str) and GROUPED.fullmatch(value.strip()) else value


class BlankInput(NumberInput):
    """The blank of a sentence. before, after: the texts around the number; empty: shown while there is none."""

    template_name = "staff/widgets/blank.html"

    def __init__(self, before: Text, after: Text = "", *, empty: Text = "") -> None:
        super().__init__({"placeholder": empty} if empty else None)
        self.before, self.after = before, after

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        return context | {"before": self.before, "after": self.after}


def strip_padding(contents: str) -> str:
    """Return a number without the zeros that the theme pads it with: 10000.000000000000 → "10,000"."""
    try:
        return format_number(Decimal(contents))
    except ArithmeticError:
        return contents
