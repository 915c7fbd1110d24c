"""An archive of invoice files, streamed while it is built: memory holds one file at a time."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date
from math import ceil
from typing import Any

from billing.closing.pdf_archives.selection import selected_invoices
from invoices.models import Invoice, Rendering
from invoices.rendering.downloads import file_name

MAX_FILES = 1_000
"""Files per archive; more invoices are downloaded in parts."""

EARLIEST_DATE = date(1980, 1, 1)
"""The earliest file date that the ZIP format can store."""


def count_archives(parameters: dict[str, Any]) -> int:
    """Return the number of archives that the files of these invoices need."""
    return ceil(selected_invoices(parameters).order_by().count() / MAX_FILES)


def stream_archive(parameters: dict[str, Any], *, part: int) -> Iterator[bytes]:
    """Yield an archive of the available files of one part of these invoices. part: counted from 1."""
    first = (part - 1) * MAX_FILES
    ids = list(selected_invoices(parameters).values_list("pk", flat=True)[first : first + MAX_FILES])
    sink = _ArchiveBuffer()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # a PDF is compressed already
        for id_ in ids:
            invoice = Invoice.objects.select_related("seller").get(pk=id_)
            content = Rendering.objects.filter(invoice=id_).values_list("content", flat=True).first()
            if content is not None:
                day = max(invoice.issue_date or EARLIEST_DATE, EARLIEST_DATE)
                # Numbers are unique per seller only, so each seller gets a folder.
                name = f"{invoice.seller.code}/{file_name(invoice)}"
                archive.writestr(zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0)), bytes(content))
            yield sink.taken()
    yield sink.taken()


class _ArchiveBuffer(io.RawIOBase):
    """A write-only sink that holds the bytes not yet taken; it cannot seek, so the archive is streamable."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += data
        return len(data)

    def taken(self) -> bytes:
        pending, self._kept = bytes(self._kept), bytearray()
        return pending
