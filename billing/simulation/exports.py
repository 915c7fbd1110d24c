"""What a simulation found as tables: a row for each subscription and version, and the lines behind them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

from openpyxl import Workbook

from billing.models import Job, SimulationResult
from billing.simulation.results import read
from lib.csv_export import harmless
from lib.decimals import plain

COLUMNS = (
    *("customer", "subscription", "version", "currency", "before", "after", "change", "percent", "bill_shock"),
    *("cost_of_usage", "periods", "problems"),
)
LINES = (
    *("customer", "subscription", "version", "currency", "about", "detail", "line"),
    *("quantity_before", "before", "quantity_after", "after"),
)
MOST_ROWS = 1_000_000
"""Rows of a sheet, as many as spreadsheets take; CSV has no end."""

Cell = str | Decimal | int | bool | None


def rows_of(job: Job) -> Iterator[tuple[Cell, ...]]:
    """Yield a row of COLUMNS for each result, in the order in which they were found."""
    for one in _results(job):
        found = read(one)
        problems = " ".join(found.problems)
        figures = (one.before, one.after, one.change, one.percent, one.is_shock, found.cost, len(found.periods))
        yield (*_of(one), *figures, problems)


def lines_of(job: Job) -> Iterator[tuple[Cell, ...]]:
    """Yield a row of LINES for each line of each result."""
    for one in _results(job):
        for line in read(one).lines:
            told = (line.subject, line.detail, line.name)
            yield (*_of(one), *told, line.used_before, line.before, line.used_after, line.after)


def as_text(cell: Cell) -> str:
    """Return a cell as CSV has it."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "" if cell is None else plain(cell) if isinstance(cell, Decimal) else str(cell)


def write_sheets(job: Job, file: BinaryIO) -> None:
    """Write a workbook with both tables; numbers are numbers."""
    book = Workbook(write_only=True)
    for title, columns, rows in (("Customers", COLUMNS, rows_of(job)), ("Lines", LINES, lines_of(job))):
        sheet = book.create_sheet(title)
        sheet.append(columns)
        for number, row in enumerate(rows, start=1):
            if number >= MOST_ROWS:
                break
            sheet.append([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    book.save(file)


def _results(job: Job) -> Iterator[SimulationResult]:
    found = SimulationResult.objects.filter(job=job).select_related("subscription__customer", "version__plan")
    return found.order_by("pk").iterator(chunk_size=500)


def _of(one: SimulationResult) -> tuple[str, str, str, str]:
    subscription = one.subscription
    return subscription.customer.external_id, subscription.external_id, str(one.version), one.currency
