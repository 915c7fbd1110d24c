"""Rows out of a file, one after the other: memory stays flat whatever the file's size."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple, TextIO

import msgspec
import pyarrow
import pyarrow.parquet

from lib.tabular_files import unescape_cell

FORMATS = {"csv": (".csv", ".tsv", ".txt"), "jsonl": (".jsonl", ".ndjson", ".json"), "parquet": (".parquet", ".pq")}
"""Format → how the names of such files end."""

MOST_LINE_BYTES = 1024 * 1024
PARQUET_ROWS = 1_000
MOST_GROUP_BYTES = 1024 * 1024 * 1024
DELIMITERS = ",;\t|"


class FileRefused(ValueError):
    """The file as a whole cannot be read; says why, and what to do."""


MENDING = ("refused_field", "refused_because")
"""Columns that a file of refused rows begins with: they say why, and are no part of its rows."""


class Row(NamedTuple):
    """
    One row: its number in the file as an editor shows it, and its cells by column.

    Cells of CSV are text, of JSON Lines undecoded JSON, of Parquet Python's values. flaw: why it cannot be read.
    sent: the row as it stands, where it is an event already. more: cells for which there is no column.
    """

    number: int
    cells: Mapping[str, Any]
    flaw: str = ""
    sent: bytes = b""
    more: Sequence[str] = ()


def format_of(name: str) -> str:
    """
    Return the format that a file's name tells.

    :raises FileRefused: if it tells none.
    """
    ending = PurePath(name).suffix.lower()
    for format_, endings in FORMATS.items():
        if ending in endings:
            return format_
    raise FileRefused(f"“{PurePath(name).name}” tells no format by its ending; say which: {', '.join(FORMATS)}.")


def rows_of(file: BinaryIO, format_: str) -> tuple[list[str] | None, Iterator[Row]]:
    """
    Return the columns of a file, None where each row has its own, and its rows.

    :raises FileRefused: if it is no file of this format; while reading, too.
    """
    if format_ == "jsonl":
        return None, _json_lines(file)
    return _csv(file) if format_ == "csv" else _parquet(file)


def columns_of(file: BinaryIO, format_: str) -> list[str] | None:
    """
    Return the columns of a file, None where each row has its own; the file stays open.

    :raises FileRefused: if it is no file of this format.
    """
    file.seek(0)
    if format_ == "parquet":
        return _parquet(file)[0]
    return rows_of(io.BytesIO(file.read(MOST_LINE_BYTES)), format_)[0]


def _csv(file: BinaryIO) -> tuple[list[str], Iterator[Row]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    first = next(lines_of(text), "")
    delimiter = delimiter_of(first)
    columns = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if not any(columns):
        raise FileRefused(
            "The file's first row is empty; it names the columns, such as id, customer, event, timestamp."
        )
    if len(set(columns)) < len(columns):
        raise FileRefused("Two columns have the same name; each needs its own.")
    is_mended = columns[: len(MENDING)] == [*MENDING]
    if is_mended:
        columns = columns[len(MENDING) :]
    return columns, _csv_rows(text, delimiter, columns, is_mended=is_mended)


def lines_of(text: TextIO) -> Iterator[str]:
    """
    Yield the lines of a text, each with its end.

    :raises FileRefused: if one is too long, or no UTF-8.
    """
    try:
        while line := text.readline(MOST_LINE_BYTES + 1):
            if len(line) > MOST_LINE_BYTES:
                raise FileRefused(f"A line is longer than {MOST_LINE_BYTES:,} characters: this is no table.")
            yield line
    except UnicodeDecodeError as error:
        raise FileRefused(
            "The file is not UTF-8 text; save it as “CSV UTF-8”, or say which format it has."
        ) from error


def delimiter_of(head: str) -> str:
    """Return what separates the cells of a table with this first line."""
    return max(DELIMITERS, key=head.count)


def _csv_rows(text: TextIO, delimiter: str, columns: list[str], *, is_mended: bool) -> Iterator[Row]:
    number = 1
    try:
        for number, cells in enumerate(csv.reader(lines_of(text), delimiter=delimiter), start=2):
            if not cells:
                continue
            own = [unescape_cell(cell) for cell in cells[len(MENDING) :]] if is_mended else cells
            flaw = "" if len(own) == len(columns) else f"has {len(own)} cells, the header {len(columns)}"
            yield Row(number, dict(zip(columns, own, strict=False)), flaw, more=own[len(columns) :])
    except csv.Error as error:
        raise FileRefused(f"Row {number + 1} cannot be read: {error}.") from error


_decode = msgspec.json.Decoder(dict[str, Any]).decode
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _json_lines(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(byte_lines_of(file), start=1):
        if not line.strip():
            continue
        try:
            _decode(line)  # as a whole, so that no line spoils those that are sent with it
            cells = _raws(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, flaw=f"is not one JSON object: {error}", sent=line)
        else:
            own = {name: cell for name, cell in cells.items() if name not in MENDING}
            yield Row(number, own, sent=line if len(own) == len(cells) else msgspec.json.encode(own))


def byte_lines_of(file: BinaryIO) -> Iterator[bytes]:
    """:raises FileRefused: if a line is too long."""
    number = 0
    while line := file.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(line) > MOST_LINE_BYTES:
            raise FileRefused(f"Line {number} is longer than {MOST_LINE_BYTES:,} bytes: one JSON object per line.")
        yield line


def _parquet(file: BinaryIO) -> tuple[list[str], Iterator[Row]]:
    opened = parquet_of(file)
    return opened.schema_arrow.names, _parquet_rows(opened)


def parquet_of(file: BinaryIO) -> pyarrow.parquet.ParquetFile:
    """:raises FileRefused: if it is none, or too much of it would have to be in memory at once."""
    try:
        opened = pyarrow.parquet.ParquetFile(file)
        sizes = [opened.metadata.row_group(one).total_byte_size for one in range(opened.num_row_groups)]
    except (pyarrow.ArrowException, OSError) as error:
        raise FileRefused(f"The file is no Parquet file that can be read: {error}.") from error
    if max(sizes, default=0) > MOST_GROUP_BYTES:
        raise FileRefused(f"A row group has more than {MOST_GROUP_BYTES:,} bytes: write it in smaller ones.")
    return opened


def _parquet_rows(opened: pyarrow.parquet.ParquetFile) -> Iterator[Row]:
    number = 0
    try:
        for batch in opened.iter_batches(batch_size=PARQUET_ROWS):
            for cells in batch.to_pylist():
                number += 1
                yield Row(number, cells)
    except (pyarrow.ArrowException, OSError) as error:
        raise FileRefused(f"The file cannot be read beyond row {number}: {error}.") from error
