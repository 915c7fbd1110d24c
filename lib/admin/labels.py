"""Metadata and tags on staff pages: shown, edited, searched and filtered by. docs/api.md#metadata-and-tags."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import TextFilter
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from lib.admin.columns import Column, column
from lib.admin.links import list_url
from lib.admin.staff_form import StaffForm
from lib.labels import clean_tags, find_problem, validate_metadata, validate_tags

TAGS = gettext_lazy("Tags")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPED = {escaped: character for character, escaped in _ESCAPES.items()}


class MetadataText(forms.CharField):
    """Metadata as text: a line “key: value” for each key, in which a line break within a value is written as \\n."""

    def __init__(self, **options: Any) -> None:
        example = {"placeholder": "crm_id: 0061k00000", "rows": 5, "spellcheck": "false"}
        defaults = {
            "label": gettext_lazy("Metadata"),
            "required": False,
            "widget": UnfoldAdminTextareaWidget(attrs=example),
            "help_text": gettext_lazy("A line for each key, such as crm_id: 0061k00000. Searches find key:value."),
        }
        super().__init__(**{**defaults, **options})

    def prepare_value(self, value: Any) -> Any:
        return (
            "\n".join(f"{key}: {_escape(text)}" for key, text in value.items()) if isinstance(value, dict) else value
        )

    def to_python(self, value: Any) -> Any:
        """
        Return the metadata that a text is.

        :raises ValidationError: naming a line without a colon, or a key that is there twice.
        """
        metadata: dict[str, str] = {}
        for line in (super().to_python(value) or "").splitlines():
            if not line.strip():
                continue
            key, colon, text = (part.strip() for part in line.partition(":"))
            if not colon:
                raise ValidationError(_("“%(line)s” has no colon: write key: value.") % {"line": line.strip()[:80]})
            if key in metadata:
                raise ValidationError(_("The key “%(key)s” is there twice.") % {"key": key[:80]})
            metadata[key] = re.sub(r"\\[\\nr]", lambda match: _UNESCAPED[match[0]], text)
        return metadata

    def validate(self, value: Any) -> None:
        validate_metadata(value)

    def run_validators(self, value: Any) -> None:
        """Skip the validators of texts."""


def _escape(text: str) -> str:
    return re.sub(r"[\\\n\r]", lambda match: _ESCAPES[match[0]], text)


class TagsText(forms.CharField):
    """Tags as text, separated by commas or spaces."""

    def __init__(self, **options: Any) -> None:
        defaults = {
            "label": TAGS,
            "required": False,
            "widget": UnfoldAdminTextInputWidget(attrs={"placeholder": "pilot, emea", "autocomplete": "off"}),
            "help_text": gettext_lazy("Lower-case words to filter by, separated by commas."),
        }
        super().__init__(**{**defaults, **options})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return clean_tags(re.findall(r"[^\s,]+", super().to_python(value) or ""))

    def validate(self, value: Any) -> None:
        validate_tags(value)

    def run_validators(self, value: Any) -> None:
        """Skip the validators of texts."""


class LabelsForm(StaffForm):
    tags = TagsText()
    metadata = MetadataText()


class TagFilter(TextFilter):
    """Filters a list by one tag. Subclasses may set the path from a row to its labels, such as `labels__`."""

    title = gettext_lazy("tag")
    parameter_name = "tag"
    path = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tag = (self.value() or "").strip().casefold()
        return queryset.filter(**{f"{self.path}tags__contains": [tag]}) if tag else queryset


def find_by_metadata(rows: QuerySet[Any], term: str, *, path: str = "") -> QuerySet[Any] | None:
    """
    Return the rows with `key:value` in their metadata; None if a search term is none, or no row has it.

    path: from a row to its labels, such as `labels__`.
    """
    key, _colon, text = (part.strip() for part in term.partition(":"))
    if not text or find_problem(key, text):
        return None
    labeled = rows.filter(**{f"{path}metadata__contains": {key: text}})
    return labeled if labeled.exists() else None


def tag_links(model: Any, tags: Sequence[str]) -> str:
    """Return tags as links to the rows of a list that have them."""
    links = format_html_join(
        " ", '<a class="tag" href="{}?tag={}">{}</a>', ((list_url(model), tag, tag) for tag in tags)
    )
    return format_html('<span class="tags">{}</span>', links) if tags else ""


def tags_column(read: Any = lambda row: row.tags) -> Column:
    """Return the column of a list with the tags of its rows. read: returns the tags of a row."""
    return column(TAGS, lambda row: tag_links(type(row), read(row)))


def shown_labels(model: Any, metadata: Mapping[str, str], tags: Sequence[str], *, edit_url: str) -> dict[str, Any]:
    """Return the context of the template `staff/labels.html`. edit_url: empty if the user may not edit them."""
    return {"tags": tag_links(model, tags), "metadata": sorted(metadata.items()), "edit_url": edit_url}
