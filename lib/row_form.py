"""The base of forms for a row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.db.models import Model

Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:

    class RowForm(forms.ModelForm[Row]):
        fields: dict[str, Any]  # each of its own class
        defaults: Mapping[str, Any]

        def clean(self) -> dict[str, Any]: ...
        def _get_validation_exclusions(self) -> set[str]: ...

else:

    class RowForm(forms.ModelForm):
        """
        A form for a row of the model that it is subscripted with: `class MeterForm(RowForm[Meter])`.

        Django's own class is generic in its type stubs only.

        defaults: the fields that may be left empty, each with the value that it has then.
        """

        defaults: Mapping[str, Any] = {}

        def __class_getitem__(cls, model: type[Model]) -> type["RowForm"]:
            return cls

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for name in self.defaults.keys() & self.fields.keys():
                self.fields[name].required = False

        def clean(self) -> dict[str, Any]:
            cleaned: dict[str, Any] = super().clean() or self.cleaned_data
            empty = [name for name in self.defaults if name in cleaned and cleaned[name] in (None, "")]
            cleaned.update((name, self.defaults[name]) for name in empty)
            return cleaned
