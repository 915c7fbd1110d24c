"""Cut a file into pieces that are files themselves: of the same format, each with a thousand rows at most."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import pyarrow
import pyarrow.parquet

from billing.metering.imports.row_reader import FileRefused, byte_lines_of, delimiter_of, lines_of, parquet_of

MOST_ROWS = 1_000
MOST_BYTES = 4 * 1024 * 1024


class Place(NamedTuple):
    """A place in a file: how many rows come before it, and how many bytes where they tell."""

    rows: int = 0
    bytes: int = 0


BEGINNING = Place()


class Piece(NamedTuple):
    """Some rows of a file as a file, from one place up to another."""

    content: bytes
    begin: Place
    end: Place


def pieces_of(file: BinaryIO, format_: str, *, begin: Place = BEGINNING) -> Iterator[Piece]:
    """
    Yield the pieces of a file from a place on: its beginning, or where a piece ends.

    :raises FileRefused: if it is no file of this format; while reading, too.
    """
    if format_ == "parquet":
        return _parquet(file, begin)
    return _csv(file, begin) if format_ == "csv" else _json_lines(file, begin)


def _csv(file: BinaryIO, begin: Place) -> Iterator[Piece]:
    """Give each piece the header."""
    file.seek(0)
    mark = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    file.seek(mark)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    head = next(lines_of(text), "")
    first = len(head.encode()) + mark
    if begin.bytes:
        text.detach()
        file.seek(begin.bytes)
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    records = _records(text, delimiter_of(head), after=begin.rows)
    yield from _filled(records, Place(begin.rows, begin.bytes or first), head.encode())


def _records(text: io.TextIOWrapper, delimiter: str, *, after: int) -> Iterator[bytes]:
    """Yield the records of a table as they stand, however many lines each has."""
    held: list[str] = []

    def lines() -> Iterator[str]:
        for line in lines_of(text):
            held.append(line)
            yield line

    number = after + 2
    try:
        for _ in csv.reader(lines(), delimiter=delimiter):
            yield "".join(held).encode()
            held.clear()
            number += 1
    except csv.Error as error:
        raise FileRefused(f"Row {number} cannot be read: {error}.") from error


def _json_lines(file: BinaryIO, begin: Place) -> Iterator[Piece]:
    file.seek(begin.bytes)
    yield from _filled(byte_lines_of(file), begin)


def _filled(records: Iterable[bytes], begin: Place, head: bytes = b"") -> Iterator[Piece]:
    """Put records together until a piece is full."""
    held: list[bytes] = []
    size = 0
    for record in records:
        held.append(record)
        size += len(record)
        if len(held) >= MOST_ROWS or size >= MOST_BYTES:
            end = Place(begin.rows + len(held), begin.bytes + size)
            yield Piece(head + b"".join(held), begin, end)
            begin, held, size = end, [], 0
    if held:
        yield Piece(head + b"".join(held), begin, Place(begin.rows + len(held), begin.bytes + size))


def _parquet(file: BinaryIO, begin: Place) -> Iterator[Piece]:
    opened = parquet_of(file)
    at = 0
    try:
        for group in range(opened.num_row_groups):
            rows = opened.metadata.row_group(group).num_rows
            if at + rows <= begin.rows:
                at += rows  # cut before
                continue
            for batch in opened.iter_batches(batch_size=MOST_ROWS, row_groups=[group]):
                end = at + batch.num_rows
                if end > begin.rows:
                    yield Piece(
                        _as_file(batch.slice(max(0, begin.rows - at))), Place(max(at, begin.rows)), Place(end)
                    )
                at = end
    except (pyarrow.ArrowException, OSError) as error:
        raise FileRefused(f"The file cannot be read beyond row {at}: {error}.") from error


def _as_file(rows: pyarrow.RecordBatch) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([rows]), file)
    return file.getvalue()
