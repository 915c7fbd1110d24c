"""Reading the rows of a file one by one, in constant memory."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple, TextIO

import msgspec
import pyarrow
import pyarrow.parquet
from django.utils.translation import gettext

from lib.tabular_files import unescape_cell

FORMATS = {"csv": (".csv", ".tsv", ".txt"), "jsonl": (".jsonl", ".ndjson", ".json"), "parquet": (".parquet", ".pq")}
"""Format → file name endings."""

# A file without line breaks would otherwise be read into memory as one line.
MAX_LINE_BYTES = 1024 * 1024
PARQUET_ROWS = 1_000
# The uncompressed size that a Parquet file states; a small file may unpack into a huge one.
MAX_GROUP_BYTES = 1024 * 1024 * 1024
DELIMITERS = ",;\t|"


class ImportFileRefused(ValueError):
    """The file can't be read as a whole; the text gives the reason and the remedy."""


REFUSAL_COLUMNS = ("refused_field", "refused_because")
"""First columns of a file of refused rows: they give the reason and are not part of the row."""


class ImportRow(NamedTuple):
    """
    One row: its number in the file as an editor shows it, and its cells by column.

    Cells of CSV are text, of JSON Lines undecoded JSON, of Parquet Python values.

    flaw: why the row can't be read.
    sent: the unchanged row, where it is an event already.
    more: cells without a column.
    """

    number: int
    cells: Mapping[str, Any]
    flaw: str = ""
    sent: bytes = b""
    more: Sequence[str] = ()


def detect_format(name: str) -> str:
    """
    Return the format of a file by its name.

    :raises ImportFileRefused: if the ending is not known.
    """
    ending = PurePath(name).suffix.lower()
    for format_, endings in FORMATS.items():
        if ending in endings:
            return format_
    raise ImportFileRefused(
        gettext("The ending of “%(name)s” is not a known format; choose one of %(formats)s.")
        % {"name": PurePath(name).name, "formats": ", ".join(FORMATS)}
    )


def read_rows(file: BinaryIO, format_: str) -> tuple[list[str] | None, Iterator[ImportRow]]:
    """
    Return the columns of a file, None where each row has its own, and its rows.

    :raises ImportFileRefused: if the file doesn't have this format; also while reading.
    """
    if format_ == "jsonl":
        return None, _json_lines(file)
    return _csv(file) if format_ == "csv" else _parquet(file)


def read_columns(file: BinaryIO, format_: str) -> list[str] | None:
    """
    Return the columns of a file, None where each row has its own; the file stays open.

    :raises ImportFileRefused: if the file doesn't have this format.
    """
    file.seek(0)
    if format_ == "parquet":
        return _parquet(file)[0]
    return read_rows(io.BytesIO(file.read(MAX_LINE_BYTES)), format_)[0]


def _csv(file: BinaryIO) -> tuple[list[str], Iterator[ImportRow]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    first = next(read_lines(text), "")
    delimiter = detect_delimiter(first)
    columns = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if not any(columns):
        raise ImportFileRefused(
            gettext("The first row is empty; it must name the columns, such as id, customer, event, timestamp.")
        )
    if len(set(columns)) < len(columns):
        raise ImportFileRefused(gettext("Two columns have the same name; rename one of them."))
    # A file of refused rows comes back with their two columns in front.
    is_mended = columns[: len(REFUSAL_COLUMNS)] == [*REFUSAL_COLUMNS]
    if is_mended:
        columns = columns[len(REFUSAL_COLUMNS) :]
    return columns, _csv_rows(text, delimiter, columns, is_mended=is_mended)


def read_lines(text: TextIO) -> Iterator[str]:
    """
    Yield the lines of a text, each with its line end.

    :raises ImportFileRefused: if a line is too long or not UTF-8.
    """
    try:
        while line := text.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                raise ImportFileRefused(
                    gettext("A line is longer than %(bytes)s characters; this is not a CSV file.")
                    % {"bytes": f"{MAX_LINE_BYTES:,}"}
                )
            yield line
    except UnicodeDecodeError as error:
        raise ImportFileRefused(
            gettext("The file is not UTF-8 text; save it as “CSV UTF-8”, or choose its format.")
        ) from error


def detect_delimiter(header: str) -> str:
    """Return the character that separates the cells of a table with this first line."""
    return max(DELIMITERS, key=header.count)


def _csv_rows(text: TextIO, delimiter: str, columns: list[str], *, is_mended: bool) -> Iterator[ImportRow]:
    number = 1
    try:
        for number, cells in enumerate(csv.reader(read_lines(text), delimiter=delimiter), start=2):
            if not cells:
                continue
            row_cells = [unescape_cell(cell) for cell in cells[len(REFUSAL_COLUMNS) :]] if is_mended else cells
            flaw = (
                ""
                if len(row_cells) == len(columns)
                else gettext("has %(cells)s cells, but the header has %(columns)s")
                % {"cells": len(row_cells), "columns": len(columns)}
            )
            yield ImportRow(number, dict(zip(columns, row_cells, strict=False)), flaw, more=row_cells[len(columns) :])
    except csv.Error as error:
        raise ImportFileRefused(
            gettext("Row %(row)s can't be read: %(error)s.") % {"row": number + 1, "error": error}
        ) from error


_decode = msgspec.json.Decoder(dict[str, Any]).decode
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _json_lines(file: BinaryIO) -> Iterator[ImportRow]:
    for number, line in enumerate(read_byte_lines(file), start=1):
        if not line.strip():
            continue
        try:
            _decode(line)  # the whole line, so that a bad one doesn't fail the batch it is sent with
            cells = _raws(line)
        except (ValueError, RecursionError) as error:
            yield ImportRow(
                number, {}, flaw=gettext("is not a single JSON object: %(error)s") % {"error": error}, sent=line
            )
        else:
            event_cells = {name: cell for name, cell in cells.items() if name not in REFUSAL_COLUMNS}
            yield ImportRow(
                number, event_cells, sent=line if len(event_cells) == len(cells) else msgspec.json.encode(event_cells)
            )


def read_byte_lines(file: BinaryIO) -> Iterator[bytes]:
    """
    Yield the lines of a file, each with its line end.

    :raises ImportFileRefused: if a line is too long.
    """
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise ImportFileRefused(
                gettext("Line %(line)s is longer than %(bytes)s bytes; put one JSON object on each line.")
                % {"line": number, "bytes": f"{MAX_LINE_BYTES:,}"}
            )
        yield line


def _parquet(file: BinaryIO) -> tuple[list[str], Iterator[ImportRow]]:
    parquet_file = open_parquet(file)
    return parquet_file.schema_arrow.names, _parquet_rows(parquet_file)


def open_parquet(file: BinaryIO) -> pyarrow.parquet.ParquetFile:
    """
    Open a Parquet file.

    :raises ImportFileRefused: if the file is not Parquet, or a row group is too large for memory.
    """
    try:
        parquet_file = pyarrow.parquet.ParquetFile(file)
        sizes = [
            parquet_file.metadata.row_group(group).total_byte_size for group in range(parquet_file.num_row_groups)
        ]
    except (pyarrow.ArrowException, OSError) as error:
        raise ImportFileRefused(
            gettext("The file is not a readable Parquet file: %(error)s.") % {"error": error}
        ) from error
    # A row group is decompressed as a whole, so its size is the memory that it needs.
    if max(sizes, default=0) > MAX_GROUP_BYTES:
        raise ImportFileRefused(
            gettext("A row group is larger than %(bytes)s bytes; write smaller row groups.")
            % {"bytes": f"{MAX_GROUP_BYTES:,}"}
        )
    return parquet_file


def _parquet_rows(parquet_file: pyarrow.parquet.ParquetFile) -> Iterator[ImportRow]:
    number = 0
    try:
        for batch in parquet_file.iter_batches(batch_size=PARQUET_ROWS):
            for cells in batch.to_pylist():
                number += 1
                yield ImportRow(number, cells)
    except (pyarrow.ArrowException, OSError) as error:
        raise ImportFileRefused(
            gettext("The file can't be read after row %(row)s: %(error)s.") % {"row": number, "error": error}
        ) from error
