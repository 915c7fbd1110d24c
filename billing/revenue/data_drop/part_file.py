"""The file of a part, made on the local disk from a COPY, with a few mebibytes in memory at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from django.db import connection

from billing.models.data_drop import DropFormat
from billing.revenue.data_drop.columns import DropColumn

BLOCK_BYTES = 4 * 1024 * 1024
"""Size of the text that becomes one row group."""

_DIGEST_BYTES = 1024 * 1024


@dataclass(slots=True)
class PartFile:
    """A file that is not stored yet. first_key, last_key: None without rows."""

    file: IO[bytes]
    rows: int = 0
    size: int = 0
    sha256: str = ""
    first_key: int | None = None
    last_key: int | None = None

    def count(self, keys: pa.ChunkedArray) -> None:
        ends = pyarrow.compute.min_max(keys).as_py()
        self.rows += len(keys)
        self.first_key = ends["min"] if self.first_key is None else min(self.first_key, ends["min"])
        self.last_key = ends["max"] if self.last_key is None else max(self.last_key, ends["max"])


class _Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


@contextmanager
def make_part_file(
    statement: str, parameters: Any, *, columns: Sequence[DropColumn], key: str, file_format: str
) -> Iterator[PartFile]:
    """
    Write the rows of a SELECT to a temporary file for the duration of the block; the same rows give the same bytes.
    """
    schema = pa.schema([(column.name, column.type) for column in columns])
    with TemporaryFile() as file:
        part = PartFile(file)
        writer = _open_writer(file, schema, file_format)
        for table in _read_tables(statement, parameters, schema):
            part.count(table[key])
            writer.write_table(table)
        writer.close()
        part.size, part.sha256 = _measure(file)
        yield part


def _open_writer(file: IO[bytes], schema: pa.Schema, file_format: str) -> _Writer:
    if file_format == DropFormat.CSV:
        writer: _Writer = pyarrow.csv.CSVWriter(file, schema)
    else:
        writer = pyarrow.parquet.ParquetWriter(file, schema, compression="zstd")
    return writer


def _read_tables(statement: str, parameters: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows in blocks. COPY in text, since Arrow parses it as fast as the server writes it, and exactly."""
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)", parameters) as copy,
    ):
        block = bytearray()
        for row in copy:  # the server sends each row by itself
            block += row
            if len(block) >= BLOCK_BYTES:
                yield _parse(block, schema)
                block.clear()
        if block:
            yield _parse(block, schema)


def _parse(block: bytearray, schema: pa.Schema) -> pa.Table:
    """Parse rows as COPY writes them: NULL is empty, and an empty text is quoted."""
    return pyarrow.csv.read_csv(
        pa.BufferReader(bytes(block)),
        pyarrow.csv.ReadOptions(column_names=schema.names, block_size=len(block) + 1, use_threads=False),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _measure(file: IO[bytes]) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file, and go back to its beginning."""
    digest, size = sha256(), file.tell()
    file.seek(0)
    while block := file.read(_DIGEST_BYTES):
        digest.update(block)
    file.seek(0)
    return size, digest.hexdigest()
