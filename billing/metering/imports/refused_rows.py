"""The refused rows of an import as a file that can be corrected and imported again."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec

from billing.metering.imports.job import read_item_rows
from billing.metering.imports.row_reader import REFUSAL_COLUMNS, ImportRow
from billing.models import Job, JobItem
from lib.csv_export import csv_lines
from lib.tabular_files import escape_cell

ITEMS_PER_READ = 20
_encode = msgspec.json.Encoder(decimal_format="number").encode


def refused_rows_format(job: Job) -> str:
    """Return the format of the file: JSON Lines stays JSON Lines, every other format becomes CSV."""
    return "jsonl" if job.parameters["format"] == "jsonl" else "csv"


def refused_rows(job: Job) -> Iterator[bytes]:
    """
    Yield the file of the refused rows, each with the field and the reason.

    A cell that a spreadsheet would read as a formula gets an apostrophe, which is removed when the file is imported
    again.
    """
    items = job.items.exclude(findings=[]).order_by("number").select_related("job")
    in_lines = refused_rows_format(job) == "jsonl"
    is_first = True
    for item in items.iterator(chunk_size=ITEMS_PER_READ):
        if in_lines:
            yield from _json_lines(item)
        else:
            yield from (line.encode() for line in csv_lines(_table(item, heading=is_first)))
        is_first = False


def _read_refused(item: JobItem) -> Iterator[tuple[list[str] | None, ImportRow, str, str]]:
    reasons = {finding["row"]: (finding["field"], finding["detail"]) for finding in item.findings}
    columns, rows = read_item_rows(item)
    for row in rows:
        if row.number in reasons:
            yield columns, row, *reasons[row.number]


def _json_lines(item: JobItem) -> Iterator[bytes]:
    for _, row, field, detail in _read_refused(item):
        cells = row.cells or {"line": row.sent.decode(errors="replace").rstrip("\r\n")}
        yield _encode(dict(zip(REFUSAL_COLUMNS, (field, detail), strict=True)) | dict(cells)) + b"\n"


def _table(item: JobItem, *, heading: bool) -> Iterator[list[str]]:
    for columns, row, field, detail in _read_refused(item):
        if heading:
            yield [*REFUSAL_COLUMNS, *(columns or [])]
            heading = False
        # The reason comes first, so that a row with too few cells or too many still has just those.
        cells = [_cell_text(row.cells[name]) for name in columns or [] if name in row.cells]
        yield [escape_cell(cell) for cell in (field, detail, *cells, *row.more)]


def _cell_text(cell: Any) -> str:
    """Return a cell as CSV text."""
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return cell if isinstance(cell, str) else repr(cell) if isinstance(cell, float) else _encode(cell).decode()
