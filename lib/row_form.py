"""The base of forms for a row."""

from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.db.models import Model

Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:

    class RowForm(forms.ModelForm[Row]):
        fields: dict[str, Any]  # each of its own class

        def _get_validation_exclusions(self) -> set[str]: ...

else:

    class RowForm(forms.ModelForm):
        """
        A form for a row of the model that it is subscripted with: `class MeterForm(RowForm[Meter])`.

        Django's own class is generic in its type stubs only.
        """

        def __class_getitem__(cls, model: type[Model]) -> type["RowForm"]:
            return cls
