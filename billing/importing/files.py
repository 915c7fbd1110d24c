"""Rows out of a file, one after the other: memory stays flat whatever the file's size."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple

import msgspec
import pyarrow
import pyarrow.parquet

FORMATS = {"csv": (".csv", ".tsv", ".txt"), "jsonl": (".jsonl", ".ndjson", ".json"), "parquet": (".parquet", ".pq")}
"""Format → how the names of such files end."""

MOST_LINE_BYTES = 1024 * 1024
PARQUET_ROWS = 1_000
DELIMITERS = ",;\t|"


class FileRefused(ValueError):
    """The file as a whole cannot be read; says why, and what to do."""


class Row(NamedTuple):
    """
    One row: its number in the file as an editor shows it, and its cells by column.

    Cells of CSV are text, of JSON Lines undecoded JSON, of Parquet Python's values. flaw: why it cannot be read.
    sent: the row as it stands, where it is an event already.
    """

    number: int
    cells: Mapping[str, Any]
    flaw: str = ""
    sent: bytes = b""


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


def _csv(file: BinaryIO) -> tuple[list[str], Iterator[Row]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        first = text.readline(MOST_LINE_BYTES)
        delimiter = max(DELIMITERS, key=first.count)
        columns = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except UnicodeDecodeError as error:
        raise FileRefused(_NOT_UTF_8) from error
    if not any(columns):
        raise FileRefused(
            "The file's first row is empty; it names the columns, such as id, customer, event, timestamp."
        )
    if len(set(columns)) < len(columns):
        raise FileRefused("Two columns have the same name; each needs its own.")
    return columns, _csv_rows(text, delimiter, columns)


_NOT_UTF_8 = "The file is not UTF-8 text; save it as “CSV UTF-8”, or say which format it has."


def _csv_rows(text: io.TextIOWrapper, delimiter: str, columns: list[str]) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter)
    number = 1
    try:
        for number, cells in enumerate(reader, start=2):
            if len(cells) == len(columns):
                yield Row(number, dict(zip(columns, cells, strict=True)))
            elif cells:
                yield Row(number, {}, flaw=f"has {len(cells)} cells, the header {len(columns)}")
    except UnicodeDecodeError as error:
        raise FileRefused(_NOT_UTF_8) from error
    except csv.Error as error:
        raise FileRefused(f"Row {number + 1} cannot be read: {error}.") from error


_decode = msgspec.json.Decoder(dict[str, Any]).decode
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _json_lines(file: BinaryIO) -> Iterator[Row]:
    number = 0
    while line := file.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(line) > MOST_LINE_BYTES:
            raise FileRefused(f"Line {number} is longer than {MOST_LINE_BYTES:,} bytes: one JSON object per line.")
        if not line.strip():
            continue
        try:
            _decode(line)  # as a whole, so that no line spoils those that are sent with it
            cells = _raws(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, flaw=f"is not one JSON object: {error}")
        else:
            yield Row(number, cells, sent=line)


def _parquet(file: BinaryIO) -> tuple[list[str], Iterator[Row]]:
    try:
        opened = pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise FileRefused(f"The file is no Parquet file that can be read: {error}.") from error
    return opened.schema_arrow.names, _parquet_rows(opened)


def _parquet_rows(opened: pyarrow.parquet.ParquetFile) -> Iterator[Row]:
    number = 0
    try:
        for batch in opened.iter_batches(batch_size=PARQUET_ROWS):
            for cells in batch.to_pylist():
                number += 1
                yield Row(number, cells)
    except (pyarrow.ArrowException, OSError) as error:
        raise FileRefused(f"The file cannot be read beyond row {number}: {error}.") from error
