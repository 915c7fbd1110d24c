"""Forms of staff pages whose fields have the widgets of the theme."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from lib.admin.number_fields import NumberInput

WIDGETS: dict[type[forms.Widget], type[forms.Widget]] = {
    forms.TextInput: UnfoldAdminTextInputWidget,
    forms.NumberInput: NumberInput,
    forms.CheckboxInput: UnfoldBooleanSwitchWidget,
    forms.Select: UnfoldAdminSelectWidget,
    forms.SelectMultiple: UnfoldAdminSelectMultipleWidget,
    forms.DateInput: UnfoldAdminSingleDateWidget,
    forms.SplitDateTimeWidget: UnfoldAdminSplitDateTimeVerticalWidget,
    forms.ClearableFileInput: UnfoldAdminFileFieldWidget,
}
"""Django's widget → the theme's."""


class StaffForm(forms.Form):
    """A form whose fields have the theme's widgets, unless a field says otherwise."""

    fields: dict[str, Any]  # each of its own class

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if widget_class := WIDGETS.get(type(field.widget)):
                widget: Any = widget_class()
                widget.is_required = field.required
                widget.attrs.update(field.widget_attrs(widget))
                if isinstance(field, forms.ChoiceField):
                    widget.choices = field.choices
                field.widget = widget

    def clean(self) -> dict[str, Any]:
        return super().clean() or self.cleaned_data
