"""A rate's match as one types it: “model: gpt-4o, token: output” for {"model": "gpt-4o", "token": "output"}."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

DEFAULT = "all other usage"


class MatchField(forms.CharField):
    """
    Dimensions and the values they must have, separated by commas; empty for the default rate.

    :raises ValidationError: if a pair is not `dimension: value`, or a dimension is named twice.
    """

    def __init__(self, **kwargs: Any) -> None:
        widget = MatchInput(attrs={"placeholder": DEFAULT})
        super().__init__(**{"required": False, "label": "For", "widget": widget, "max_length": 1000, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return text_of(value) if isinstance(value, dict) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != (initial or {})
        except forms.ValidationError:
            return True

    def to_python(self, value: Any) -> dict[str, str]:
        match: dict[str, str] = {}
        for pair in filter(None, (one.strip() for one in (value or "").split(","))):
            dimension, _, wanted = (one.strip() for one in pair.partition(":"))
            if not dimension or not wanted:
                raise forms.ValidationError(f"“{pair}” does not say what it matches: write it as “model: gpt-4o”.")
            if dimension in match:
                raise forms.ValidationError(f"“{dimension}” is named twice: no usage has two values of it.")
            match[dimension] = wanted
        return match

    def validate(self, value: Any) -> None:
        """An empty match is the default rate, not a missing answer."""

    def run_validators(self, value: Any) -> None:
        """The model's own bounds hold; text validators do not fit a mapping."""


class MatchInput(UnfoldAdminTextInputWidget):
    def format_value(self, value: Any) -> Any:
        return text_of(value) if isinstance(value, dict) else super().format_value(value)


def text_of(match: dict[str, str]) -> str:
    return ", ".join(f"{dimension}: {value}" for dimension, value in match.items())
