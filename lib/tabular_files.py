"""
Tables as files in CSV and XLSX: the same text cells in both, written and read back without a difference.

Cells that a spreadsheet would interpret as formulas get an apostrophe in front, which is removed when read.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext
from openpyxl import Workbook, load_workbook

from lib.spreadsheet_cells import FORMULA_PREFIXES

MARKED = (*FORMULA_PREFIXES, "'")
"""Prefixes of cells that need escaping; the apostrophe is the escape itself."""
# The web process reads the whole table into memory, so both its bytes and its rows are bounded.
MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 20_000
# A workbook is a ZIP archive, which could unpack to a thousand times its size.
MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_PARTS = 1_000
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The creation time of every file within an XLSX, so that equal tables give equal bytes."""
MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


class FileRefused(ValueError):
    """The file is not a readable table; the text gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """
    A row of a table. number: as spreadsheets count, with the header as row 1. cells: column → text without
    surrounding blanks.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CellProblem:
    """A problem of a cell, or of a row if there is no column. row: its number, or its path in a document."""

    row: int | str
    column: str
    text: str


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a table as CSV in UTF-8, with the byte order mark by which spreadsheets detect the encoding."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerows([escape_cell(cell) for cell in row] for row in (columns, *rows))
    return file.getvalue().encode("utf-8-sig")


def as_xlsx(columns: Sequence[str], rows: Iterable[Sequence[str | Decimal]]) -> bytes:
    """
    Return a table as a workbook with one sheet: numbers as such, every other cell as text.

    :raises FileRefused: if a text has a character that a workbook can't hold.
    """
    book = Workbook()
    book.properties.created = datetime(1980, 1, 1)  # noqa: DTZ001, workbooks have no time zones
    sheet = book.active
    sheet.freeze_panes = "A2"
    for number, row in enumerate((columns, *rows), start=1):
        for column_number, text in enumerate(row, start=1):
            if isinstance(text, Decimal):
                sheet.cell(number, column_number, text).number_format = "General"
                continue
            try:
                cell = sheet.cell(number, column_number, escape_cell(text) or None)
            except ValueError as error:
                raise FileRefused(
                    gettext("“%(text)s” can't be written to a workbook; choose CSV or JSON instead.")
                    % {"text": f"{text!r}"}
                ) from error
            cell.number_format = "@"
    file = io.BytesIO()
    book.save(file)
    return _without_dates(file.getvalue())


def read_table(content: bytes, *, name: str, columns: Sequence[str], needed: Sequence[str]) -> list[TableRow]:
    """
    Return the rows of a table; missing columns are empty, and rows without text are omitted.

    name: the file's name, whose extension distinguishes CSV and XLSX.

    :raises FileRefused: if it is neither, is too large, lacks a needed column or has an unknown one.
    """
    if len(content) > MAX_BYTES:
        raise FileRefused(
            gettext("The file has %(bytes)s bytes; the limit is %(most)s.")
            % {"bytes": f"{len(content):,}", "most": f"{MAX_BYTES:,}"}
        )
    lines = _xlsx_lines(content) if name.lower().endswith(".xlsx") else _csv_lines(content)
    heading = [text.strip() for text in next(lines, [])]
    while heading and not heading[-1]:
        heading.pop()
    if missing := [column for column in needed if column not in heading]:
        raise FileRefused(
            gettext("The column “%(column)s” is missing; the first line must name the columns.")
            % {"column": missing[0]}
        )
    if unknown := [column for column in heading if column not in columns]:
        raise FileRefused(
            gettext("“%(column)s” is not a column; the columns are %(columns)s.")
            % {"column": unknown[0], "columns": ", ".join(columns)}
        )
    if len(set(heading)) != len(heading):
        raise FileRefused(gettext("Two columns in the first line have the same name."))
    return list(_rows(lines, heading, columns))


def _rows(lines: Iterator[list[str]], heading: Sequence[str], columns: Sequence[str]) -> Iterator[TableRow]:
    for number, line in enumerate(lines, start=2):
        if number > MAX_ROWS:
            raise FileRefused(gettext("The file has more than %(most)s rows.") % {"most": f"{MAX_ROWS:,}"})
        if any(text.strip() for text in line[len(heading) :]):
            raise FileRefused(gettext("Row %(row)s has more cells than there are columns.") % {"row": number})
        cells = dict.fromkeys(columns, "") | {
            column: unescape_cell(text) for column, text in zip(heading, line, strict=False)
        }
        if any(cells.values()):
            yield TableRow(number, cells)


def _csv_lines(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(gettext("The file is not CSV in UTF-8; save it as “CSV UTF-8”, or as XLSX.")) from error
    first_line = text.partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    except csv.Error as error:
        raise FileRefused(gettext("The file can't be read as CSV: %(error)s.") % {"error": error}) from error


def _xlsx_lines(content: bytes) -> Iterator[list[str]]:
    try:
        _check_unpacked_size(content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        for row in sheet.iter_rows(values_only=True):
            yield [_text(value) for value in row]
    except FileRefused:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, IndexError) as error:
        raise FileRefused(gettext("The file can't be read as a workbook; save it as XLSX or CSV.")) from error


def _check_unpacked_size(content: bytes) -> None:
    """
    Check a workbook before it is unpacked. The sizes are those that the archive declares; zipfile reads no further.

    :raises FileRefused: if it has too many parts, or they are too large together.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise FileRefused(gettext("The workbook is too large when it is unpacked; save it as CSV."))


def _text(value: Any) -> str:
    """Return a cell as text; a number has the digits that the spreadsheet shows."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def escape_cell(text: str) -> str:
    """Return a cell that no spreadsheet interprets as a formula; `unescape_cell` reverses it."""
    return f"'{text}" if text.startswith(MARKED) or text != text.strip() else text


def unescape_cell(text: str) -> str:
    """Return the text of a cell without the escaping apostrophe."""
    return text[1:] if text.startswith("'") else text.strip()


def _without_dates(content: bytes) -> bytes:
    """Return a workbook without the dates of its parts."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source_archive,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target_archive,
    ):
        for name in source_archive.namelist():
            part = source_archive.read(name)
            if name == "docProps/core.xml":
                part = MODIFIED.sub(rb"\g<1>1980-01-01T00:00:00Z", part)
            target_archive.writestr(zipfile.ZipInfo(name, LONG_AGO), part, zipfile.ZIP_DEFLATED)
    return file.getvalue()
