"""The stored files of a batch: written once in parts, and read back the same for ever."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from billing.models import ExportFile, ExportPart
from billing.models.accounting_files import FILE_PART_BYTES
from billing.revenue.accounting_files.formats.writer import Chunk
from lib import prepared_statements, sql


@dataclass(slots=True)
class _File:
    """A file that is being stored."""

    id: int
    number: int
    name: str
    size: int = 0
    parts: int = 0
    waiting: bytearray = field(default_factory=bytearray)


_PART = "INSERT INTO billing_exportpart (file_id, number, content) VALUES (%s, %s, %s)"


def store_files(batch_id: int, chunks: Iterable[Chunk]) -> str:
    """
    Store the files of a batch, one part in memory at a time, and return the SHA-256 of all their bytes.

    The batch itself is stored afterwards in the same transaction, since its digest is known only then.
    """
    whole, file, digest = sha256(), None, sha256()
    for name, content in chunks:
        if file is None or name != file.name:
            if file is not None:
                _finish(batch_id, file, digest.hexdigest())
            file, digest = _File(_next_id(), 1 if file is None else file.number + 1, name), sha256()
        whole.update(content)
        digest.update(content)
        file.waiting += content
        while len(file.waiting) >= FILE_PART_BYTES:
            _store_part(file, bytes(file.waiting[:FILE_PART_BYTES]))
            del file.waiting[:FILE_PART_BYTES]
    if file is not None:
        _finish(batch_id, file, digest.hexdigest())
    return whole.hexdigest()


def read_file(file: ExportFile) -> Iterator[bytes]:
    """Yield the bytes of a file, in parts."""
    parts = ExportPart.objects.filter(file=file).order_by("number").values_list("content", flat=True)
    for content in parts.iterator(chunk_size=1):
        yield bytes(content)


def _finish(batch_id: int, file: _File, digest: str) -> None:
    if file.waiting:
        _store_part(file, bytes(file.waiting))
    ExportFile.objects.create(
        pk=file.id, batch_id=batch_id, number=file.number, name=file.name, size=file.size, sha256=digest
    )


def _store_part(file: _File, content: bytes) -> None:
    file.parts += 1
    file.size += len(content)
    # Bound on the server: Django's cursors would write a mebibyte as text into the statement.
    with prepared_statements.cursor() as cursor:
        cursor.execute(_PART, [file.id, file.parts, content])


def next_batch_id() -> int:
    """Return the id of the next batch, whose files are stored before it."""
    return int(sql.fetch_column("SELECT nextval(pg_get_serial_sequence('billing_exportbatch', 'id'))")[0])


def _next_id() -> int:
    return int(sql.fetch_column("SELECT nextval(pg_get_serial_sequence('billing_exportfile', 'id'))")[0])
