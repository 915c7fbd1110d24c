"""A job's file as a seekable file object that holds one part in memory."""

import io
from typing import BinaryIO

from billing.models import Job, JobPart
from billing.models.jobs import PART_BYTES


class _Parts(io.RawIOBase):
    """The stored parts of a job's file. Only the part read last stays in memory."""

    def __init__(self, job: Job) -> None:
        self._job, self._at = job, 0
        self._number, self._part = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._job.file_bytes}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the reader passes no other buffer
        number, begin = divmod(self._at, PART_BYTES)
        if self._at >= self._job.file_bytes:
            return 0
        if number != self._number:
            self._part = bytes(JobPart.objects.values_list("content", flat=True).get(job=self._job, number=number))
            self._number = number
        chunk = self._part[begin : begin + len(buffer)]
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)


def open_job_file(job: Job) -> BinaryIO:
    """Return the file that a job was created from; it is stored until the job is split."""
    return io.BufferedReader(_Parts(job), PART_BYTES)
