"""Tables of reports as files to download: the same cells in CSV and XLSX."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase

from lib.csv_export import csv_download
from lib.decimals import to_plain_string
from lib.tabular_files import as_xlsx

FILE_FORMATS = ("csv", "xlsx")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def file_number(amount: Decimal) -> Decimal:
    """Return an amount as files have it: without exponent and padding zeros."""
    return Decimal(to_plain_string(amount))


def send_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Decimal]], *, name: str, file_format: str
) -> HttpResponseBase:
    """
    Return a table as a file to download. Decimals are numbers in it, with all their digits. name: without its ending.

    :raises Http404: if there are no files of this format.
    """
    if file_format not in FILE_FORMATS:
        raise Http404(f"There is no file of the type “{file_format}”.")
    if file_format == "csv":
        lines = ([f"{cell:f}" if isinstance(cell, Decimal) else cell for cell in row] for row in (columns, *rows))
        return csv_download(lines, file_name=f"{name}.csv")
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"', "Cache-Control": "private, no-store"}
    return HttpResponse(as_xlsx(columns, rows), content_type=XLSX, headers=headers)
