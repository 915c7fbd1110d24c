"""Tables as CSV, streamed row by row, with cells that spreadsheets don't interpret as formulas."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

from lib.spreadsheet_cells import escape_formula


class _Line:
    """A file for the csv writer that returns each line instead of storing it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines of CSV, one by one, with every cell escaped."""
    writer = csv.writer(_Line())
    for row in rows:
        yield writer.writerow([escape_formula(cell) for cell in row])


def csv_download(rows: Iterable[Sequence[str]], *, file_name: str) -> StreamingHttpResponse:
    """Return rows as a CSV file to download, streamed while they are read."""
    return StreamingHttpResponse(
        csv_lines(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "private, no-store"},
    )
