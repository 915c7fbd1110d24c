"""Split a file into parts that are files of the same format, each with a thousand rows at most."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import pyarrow
import pyarrow.parquet
from django.utils.translation import gettext

from billing.metering.imports.row_reader import (
    ImportFileRefused,
    detect_delimiter,
    open_parquet,
    read_byte_lines,
    read_lines,
)

# One part is one job item: a retry repeats its work, and a worker holds it in memory.
MAX_ROWS = 1_000
MAX_BYTES = 4 * 1024 * 1024


class FilePosition(NamedTuple):
    """A position in a file: the number of rows before it, and of bytes where the format allows to seek."""

    rows: int = 0
    bytes: int = 0


BEGINNING = FilePosition()


class FilePart(NamedTuple):
    """Some rows of a file as a file of their own, from position `begin` up to `end`."""

    content: bytes
    begin: FilePosition
    end: FilePosition


def split_file(file: BinaryIO, format_: str, *, begin: FilePosition = BEGINNING) -> Iterator[FilePart]:
    """
    Yield the parts of a file, starting at a position: its beginning or the end of a part.

    :raises ImportFileRefused: if the file doesn't have this format; also while reading.
    """
    if format_ == "parquet":
        return _parquet(file, begin)
    return _csv(file, begin) if format_ == "csv" else _json_lines(file, begin)


def _csv(file: BinaryIO, begin: FilePosition) -> Iterator[FilePart]:
    """Give each part the header."""
    file.seek(0)
    bom_length = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    file.seek(bom_length)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    header = next(read_lines(text), "")
    header_end = len(header.encode()) + bom_length
    if begin.bytes:
        # Detached, because a wrapper that is collected as garbage closes its file.
        text.detach()
        file.seek(begin.bytes)
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    records = _records(text, detect_delimiter(header), after=begin.rows)
    yield from _fill_parts(records, FilePosition(begin.rows, begin.bytes or header_end), header.encode())


def _records(text: io.TextIOWrapper, delimiter: str, *, after: int) -> Iterator[bytes]:
    """Yield the records of a table unchanged, however many lines each has."""
    # The reader returns parsed cells only, so the lines that it consumes are collected here, unchanged.
    record_lines: list[str] = []

    def lines() -> Iterator[str]:
        for line in read_lines(text):
            record_lines.append(line)
            yield line

    # The header is row 1.
    number = after + 2
    try:
        for _ in csv.reader(lines(), delimiter=delimiter):
            yield "".join(record_lines).encode()
            record_lines.clear()
            number += 1
    except csv.Error as error:
        raise ImportFileRefused(
            gettext("Row %(row)s can't be read: %(error)s.") % {"row": number, "error": error}
        ) from error


def _json_lines(file: BinaryIO, begin: FilePosition) -> Iterator[FilePart]:
    file.seek(begin.bytes)
    yield from _fill_parts(read_byte_lines(file), begin)


def _fill_parts(records: Iterable[bytes], begin: FilePosition, header: bytes = b"") -> Iterator[FilePart]:
    """Collect records until a part is full."""
    part_records: list[bytes] = []
    size = 0
    for record in records:
        part_records.append(record)
        size += len(record)
        if len(part_records) >= MAX_ROWS or size >= MAX_BYTES:
            end = FilePosition(begin.rows + len(part_records), begin.bytes + size)
            yield FilePart(header + b"".join(part_records), begin, end)
            begin, part_records, size = end, [], 0
    if part_records:
        yield FilePart(
            header + b"".join(part_records), begin, FilePosition(begin.rows + len(part_records), begin.bytes + size)
        )


def _parquet(file: BinaryIO, begin: FilePosition) -> Iterator[FilePart]:
    parquet_file = open_parquet(file)
    row_number = 0
    try:
        for group in range(parquet_file.num_row_groups):
            rows = parquet_file.metadata.row_group(group).num_rows
            if row_number + rows <= begin.rows:
                row_number += rows  # already split
                continue
            for batch in parquet_file.iter_batches(batch_size=MAX_ROWS, row_groups=[group]):
                end = row_number + batch.num_rows
                if end > begin.rows:
                    yield FilePart(
                        _write_parquet(batch.slice(max(0, begin.rows - row_number))),
                        FilePosition(max(row_number, begin.rows)),
                        FilePosition(end),
                    )
                row_number = end
    except (pyarrow.ArrowException, OSError) as error:
        raise ImportFileRefused(
            gettext("The file can't be read after row %(row)s: %(error)s.") % {"row": row_number, "error": error}
        ) from error


def _write_parquet(rows: pyarrow.RecordBatch) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([rows]), file)
    return file.getvalue()
