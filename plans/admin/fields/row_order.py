"""Inline rows that keep their order, set by dragging or by number."""

from typing import Any

from unfold.forms import PaginationInlineFormSet


class OrderedFormSet(PaginationInlineFormSet):
    """Gives new rows without a position the last positions."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "position" not in form.fields:  # only shown
            return
        form.fields["position"].required = False
        if form.instance.pk is None:
            form.initial.pop("position", None)
            form.fields["position"].initial = None

    def clean(self) -> None:
        super().clean()
        rows = self.kept()
        positions = [form.cleaned_data["position"] for form in rows if form.cleaned_data.get("position") is not None]
        last = max(positions, default=-1)
        for form in rows:
            if form.cleaned_data.get("position") is None:
                last += 1
                form.instance.position = form.cleaned_data["position"] = last

    def kept(self) -> list[Any]:
        """Return the rows to store: neither empty nor marked for deletion."""
        rows = [form for form in self.forms if getattr(form, "cleaned_data", None)]
        return [form for form in rows if not self._should_delete_form(form)]
