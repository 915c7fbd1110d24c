"""A form field for the dimensions that a rate matches."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.translation import Text
from plans.catalog.dimension_text import format_match, parse_match

DEFAULT: Text = _("all other usage")


class MatchField(forms.CharField):
    """
    Dimensions and the values they must have, separated by commas; empty for the default rate.

    :raises ValidationError: if a pair is not `dimension: value`, or a dimension is named twice.
    """

    def __init__(self, **kwargs: Any) -> None:
        widget = MatchInput(attrs={"placeholder": DEFAULT})
        super().__init__(
            **{"required": False, "label": _("Applies to"), "widget": widget, "max_length": 1000, **kwargs}
        )

    def prepare_value(self, value: Any) -> Any:
        return format_match(value) if isinstance(value, dict) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != (initial or {})
        except forms.ValidationError:
            return True

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]  # not of text, as the base
        try:
            return parse_match(value or "")
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def validate(self, value: Any) -> None:
        """Accept an empty match, which means the default rate."""

    def run_validators(self, value: Any) -> None:
        """Run no text validators on a mapping; the model's own bounds apply."""


class MatchInput(UnfoldAdminTextInputWidget):
    def format_value(self, value: Any) -> Any:
        return format_match(value) if isinstance(value, dict) else super().format_value(value)
