"""The rows of an import that were refused, as a file that can be mended and imported again."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec

from billing.metering.imports.job import rows_in
from billing.metering.imports.row_reader import MENDING, Row
from billing.models import Job, JobItem
from lib.csv_export import csv_lines
from lib.tabular_files import escape_cell

AT_A_TIME = 20
_encode = msgspec.json.Encoder(decimal_format="number").encode


def format_to_mend(job: Job) -> str:
    """Return the format of the file: JSON Lines stay so, all else is CSV."""
    return "jsonl" if job.parameters["format"] == "jsonl" else "csv"


def refused_rows(job: Job) -> Iterator[bytes]:
    """
    Yield the file with the rows that were refused, each with the field and the reason beside it.

    What a spreadsheet would take for a formula begins with an apostrophe, which goes when the file comes in again.
    """
    items = job.items.exclude(findings=[]).order_by("number").select_related("job")
    in_lines = format_to_mend(job) == "jsonl"
    is_first = True
    for item in items.iterator(chunk_size=AT_A_TIME):
        if in_lines:
            yield from _json_lines(item)
        else:
            yield from (line.encode() for line in csv_lines(_table(item, heading=is_first)))
        is_first = False


def _refused(item: JobItem) -> Iterator[tuple[list[str] | None, Row, str, str]]:
    why = {one["row"]: (one["field"], one["detail"]) for one in item.findings}
    columns, rows = rows_in(item)
    for row in rows:
        if row.number in why:
            yield columns, row, *why[row.number]


def _json_lines(item: JobItem) -> Iterator[bytes]:
    for _, row, field, detail in _refused(item):
        own = row.cells or {"line": row.sent.decode(errors="replace").rstrip("\r\n")}
        yield _encode(dict(zip(MENDING, (field, detail), strict=True)) | dict(own)) + b"\n"


def _table(item: JobItem, *, heading: bool) -> Iterator[list[str]]:
    for columns, row, field, detail in _refused(item):
        if heading:
            yield [*MENDING, *(columns or [])]
            heading = False
        # The reason comes first, so that a row with too few cells or too many still has just those.
        cells = [_text(row.cells[name]) for name in columns or [] if name in row.cells]
        yield [escape_cell(cell) for cell in (field, detail, *cells, *row.more)]


def _text(cell: Any) -> str:
    """Return a cell as CSV has it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return cell if isinstance(cell, str) else repr(cell) if isinstance(cell, float) else _encode(cell).decode()
