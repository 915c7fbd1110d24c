"""Export a simulation's results as tables: one row per subscription and version, and one per line of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import IO

from openpyxl import Workbook

from billing.models import Job, SimulationResult
from billing.simulation.results import read_details
from lib.spreadsheet_cells import escape_formula
from plans.price_lists.field_text import value_text

RESULT_COLUMNS = (
    *("customer", "subscription", "version", "currency", "before", "after", "change", "percent", "bill_shock"),
    *("cost_of_usage", "periods", "problems"),
)
LINE_COLUMNS = (
    *("customer", "subscription", "version", "currency", "about", "detail", "line"),
    *("quantity_before", "before", "quantity_after", "after"),
)
MAX_ROWS = 1_000_000
"""Rows of a sheet, the limit of spreadsheet programs; a CSV file has no limit."""

Cell = str | Decimal | int | bool | None


def result_rows(job: Job) -> Iterator[tuple[Cell, ...]]:
    """Yield a row of RESULT_COLUMNS per result, in the order in which the results were stored."""
    for result in _results(job):
        details = read_details(result)
        bills = (result.before, result.after, result.change, result.percent, result.is_shock)
        yield (*_identity(result), *bills, details.cost, len(details.periods), " ".join(details.problems))


def line_rows(job: Job) -> Iterator[tuple[Cell, ...]]:
    """Yield a row of LINE_COLUMNS per line of each result."""
    for result in _results(job):
        for line in read_details(result).lines:
            columns = (line.subject, line.detail, line.name)
            yield (*_identity(result), *columns, line.used_before, line.before, line.used_after, line.after)


def format_cell(cell: Cell) -> str:
    """Return a cell as CSV text."""
    return "" if cell is None else value_text(cell)


def write_workbook(job: Job, file: IO[bytes]) -> None:
    """Write a workbook with both tables; decimals become numbers."""
    workbook = Workbook(write_only=True)
    for title, columns, rows in (
        ("Customers", RESULT_COLUMNS, result_rows(job)),
        ("Lines", LINE_COLUMNS, line_rows(job)),
    ):
        sheet = workbook.create_sheet(title)
        sheet.append(columns)
        for number, row in enumerate(rows, start=1):
            # The heading is a row, too.
            if number >= MAX_ROWS:
                break
            sheet.append([escape_formula(cell) if isinstance(cell, str) else cell for cell in row])
    workbook.save(file)


def _results(job: Job) -> Iterator[SimulationResult]:
    results = SimulationResult.objects.filter(job=job).select_related("subscription__customer", "version__plan")
    return results.order_by("pk").iterator(chunk_size=500)


def _identity(result: SimulationResult) -> tuple[str, str, str, str]:
    subscription = result.subscription
    return subscription.customer.external_id, subscription.external_id, str(result.version), result.currency
