"""Start a job, with the file it is created from."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.models import Job, JobPart
from billing.models.jobs import MAX_FILE_BYTES, PART_BYTES
from lib.audit_log import audited_transaction

# The size of both columns: a title and a file's name.
MAX_NAME_LENGTH = 200


class JobFileRefused(ValueError):
    """The file is empty or larger than a job accepts; the text says which."""


def start(
    *,
    kind: str,
    title: str,
    parameters: dict[str, Any],
    dry_run: bool,
    by: User | None,
    at: datetime,
    file: BinaryIO | None = None,
    file_name: str = "",
) -> Job:
    """
    Store a job; workers start it once the transaction is committed.

    file: the job's input, read twice from its beginning, one mebibyte in memory at a time.

    :raises JobFileRefused: if the file is empty or larger than `MAX_FILE_BYTES`.
    """
    facts: dict[str, Any] = {}
    if file is not None:
        size, digest = _measure(file)
        facts = {"file_name": file_name[-MAX_NAME_LENGTH:] or "file", "file_bytes": size, "file_sha256": digest}
    with audited_transaction("job started", by=by, at=at):
        job = Job.objects.create(
            kind=kind,
            title=title[:MAX_NAME_LENGTH],
            parameters=parameters,
            dry_run=dry_run,
            by=by,
            created_at=at,
            **facts,
        )
        if file is not None:
            for number, content in enumerate(_parts(file)):
                JobPart.objects.create(job=job, number=number, content=content)
    return job


def _measure(file: BinaryIO) -> tuple[int, str]:
    size, digest = 0, sha256()
    for part in _parts(file):
        size += len(part)
        if size > MAX_FILE_BYTES:
            raise JobFileRefused(
                _("The file exceeds %(most)s bytes. Import it in parts.") % {"most": f"{MAX_FILE_BYTES:,}"}
            )
        digest.update(part)
    if not size:
        raise JobFileRefused(_("The file is empty."))
    return size, digest.hexdigest()


def _parts(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while part := file.read(PART_BYTES):
        yield part
