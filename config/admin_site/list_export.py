"""Lists as CSV: the filtered rows of a list, in the list's own columns."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.html import strip_tags
from unfold.utils import display_for_field, display_for_value

from lib.csv_export import csv_download

MOST = 100_000
"""Maximum rows of a file. For more, there is the API."""
# Rows in memory at a time, of a file that is streamed.
AT_A_TIME = 1_000


def download(request: HttpRequest, page: "ModelAdmin[Any]") -> StreamingHttpResponse:
    """Stream the rows of a list to users who may view the list."""
    if not page.has_view_or_change_permission(request):
        raise PermissionDenied
    try:
        changelist = page.get_changelist_instance(request)
    except IncorrectLookupParameters as error:
        raise BadRequest(f"The list cannot be filtered so: {error}") from error
    columns = [str(name) for name in changelist.list_display if name != "action_checkbox"]
    name = f"{page.opts.model_name}-{timezone.now():%Y-%m-%d}.csv"
    return csv_download(_rows(page, changelist.queryset[:MOST], columns), file_name=name)


def _rows(page: "ModelAdmin[Any]", rows: Any, columns: list[str]) -> Iterator[list[str]]:
    yield [str(label_for_field(column, page.model, page)) for column in columns]
    for row in rows.iterator(chunk_size=AT_A_TIME):
        yield [_text(page, row, column) for column in columns]


def _text(page: "ModelAdmin[Any]", row: Any, column: str) -> str:
    field, attribute, value = lookup_field(column, row, page)
    if field is not None:
        return strip_tags(display_for_field(value, field, ""))
    if getattr(attribute, "boolean", False):
        return str(bool(value))
    if isinstance(value, tuple):  # a colored label: (color key, text)
        value = value[-1]
    return strip_tags(display_for_value(value, ""))
