"""Lists as CSV: the filtered rows of a list, in the list's columns, with values that spreadsheets calculate with."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import BadRequest, FieldDoesNotExist, PermissionDenied
from django.db.models import DateTimeField
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from djmoney.models.fields import MoneyField
from unfold.utils import display_for_field

from lib.admin.columns import EXPORTED, ExportedAmount
from lib.csv_export import csv_download
from lib.decimals import to_plain_string

MOST = 100_000
"""Maximum rows of a file. For more, there is the API."""
# Rows in memory at a time, of a file that is streamed.
AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of the list. amount: its number, and the unit for a column of its own; None if it shows no amount."""

    name: str
    heading: str
    amount: ExportedAmount | None = None

    @property
    def headings(self) -> list[str]:
        unit_heading = self.amount.unit_heading if self.amount else ""
        return [self.heading, f"{self.heading}, {unit_heading}"] if unit_heading else [self.heading]


def download(request: HttpRequest, page: "ModelAdmin[Any]") -> StreamingHttpResponse:
    """Stream the rows of a list to users who may view the list."""
    if not page.has_view_or_change_permission(request):
        raise PermissionDenied
    try:
        changelist = page.get_changelist_instance(request)
    except IncorrectLookupParameters as error:
        raise BadRequest(f"The list has no such filter: {error}") from error
    rows = table_rows(request, page, changelist.queryset[:MOST], changelist.list_display)
    return csv_download(rows, file_name=f"{file_stem(page)}.csv")


def file_stem(page: "ModelAdmin[Any]") -> str:
    return f"{page.opts.model_name}-{timezone.now():%Y-%m-%d}"


def table_rows(request: HttpRequest, page: "ModelAdmin[Any]", rows: Any, names: Sequence[Any]) -> Iterator[list[str]]:
    """Yield the headings, then the cells of each row of a queryset. names: of the list's columns."""
    columns = [_read_column(page, str(name)) for name in names if name != "action_checkbox"]
    return _rows(request, page, rows, columns)


def _read_column(page: "ModelAdmin[Any]", name: str) -> ExportColumn:
    heading = str(capfirst(str(label_for_field(name, page.model, page))))
    try:
        field = page.model._meta.get_field(name)
    except FieldDoesNotExist:
        return ExportColumn(name, heading, getattr(getattr(page, name, None), EXPORTED, None))
    match field:
        case MoneyField():
            return ExportColumn(name, heading, ExportedAmount(partial(_money_of, name), _("currency")))
        case DateTimeField():
            return ExportColumn(name, f"{heading} (UTC)")
    return ExportColumn(name, heading)


def _money_of(name: str, row: Any) -> tuple[Decimal, str] | None:
    money = getattr(row, name)
    return None if money is None else (money.amount, str(money.currency))


def _rows(
    request: HttpRequest, page: "ModelAdmin[Any]", rows: Any, columns: list[ExportColumn]
) -> Iterator[list[str]]:
    yield [heading for column in columns for heading in column.headings]
    for part in _batches(rows.iterator(chunk_size=AT_A_TIME)):
        if prepare := getattr(page, "prepare_rows", None):
            prepare(request, part)
        for row in part:
            yield [cell for column in columns for cell in _cells(page, row, column)]


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(islice(rows, AT_A_TIME)):
        yield part


def _cells(page: "ModelAdmin[Any]", row: Any, column: ExportColumn) -> list[str]:
    if column.amount is not None:
        amount, unit = column.amount.read(row) or (None, "")
        return [_plain(amount), unit] if column.amount.unit_heading else [_plain(amount)]
    field, attribute, value = lookup_field(column.name, row, page)
    if field is not None and field.flatchoices:
        return [strip_tags(display_for_field(value, field, ""))]
    if getattr(attribute, "boolean", False):
        value = bool(value)
    return [_plain(value)]


def _plain(value: Any) -> str:
    """Return a value as a spreadsheet reads it: numbers without separators, dates as in ISO 8601, TRUE and FALSE."""
    if isinstance(value, tuple):  # a colored label: (color key, text)
        value = value[-1]
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int():
            return str(value)
        case Decimal():
            return to_plain_string(value)
        case datetime():  # spreadsheets read a time without T and zone; the heading names the zone
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case SafeString():
            return html.unescape(strip_tags(value))
        case _:
            return str(value)
