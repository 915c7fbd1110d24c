"""The export and import of unit costs as a table; each imported row is recorded by the operation behind the form."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from lib.decimals import to_plain_string
from lib.field_types import UNIT_PRICE
from lib.tabular_files import CellProblem, TableRow
from plans.costs.unit_costs import CostRefused, record_cost
from plans.models import Meter, UnitCost
from plans.price_lists import cell_parser

COLUMNS = ("meter", "match", "currency", "cost", "valid_from", "valid_to", "note")
REQUIRED_COLUMNS = ("meter", "currency", "cost", "valid_from")


@dataclass(frozen=True, slots=True)
class ImportedCost:
    """The outcome of a row: `outcome` is new, changed or same; `before` is the cost that it replaces, if any."""

    row: int
    outcome: str
    cost: UnitCost
    before: UnitCost | None


class RowsRefused(ValueError):
    """Rows that cannot be imported, with the problems of each; nothing was stored."""

    def __init__(self, problems: Sequence[CellProblem]) -> None:
        super().__init__(f"{len(problems)} of its cells must be corrected first.")
        self.problems = problems


def cost_rows(costs: Iterable[UnitCost]) -> list[list[str]]:
    """Return costs as rows of `COLUMNS`, in the given order."""
    return [
        [
            cost.meter.code,
            cell_parser.format_dimensions(cost.match),
            str(cost.currency),
            to_plain_string(cost.cost),
            cell_parser.format_time(cost.valid_from),
            cell_parser.format_time(cost.valid_to),
            cost.note,
        ]
        for cost in costs
    ]


def import_costs(
    rows: Sequence[TableRow], *, by: User | None, at: datetime, dry_run: bool = False
) -> list[ImportedCost]:
    """
    Record the costs of a table, all of them or none; a row equal to a stored cost changes nothing.

    dry_run: return the outcome of each row, and roll back.

    :raises RowsRefused: with every cell that does not fit.
    """
    meters = {meter.code: meter for meter in Meter.objects.filter(code__in={row.cells["meter"] for row in rows})}
    imported: list[ImportedCost] = []
    problems: list[CellProblem] = []
    with transaction.atomic():
        for row in rows:
            try:
                imported.append(_import_row(row, meters, by=by, at=at))
            except _InvalidCell as refusal:
                problems.append(refusal.problem)
        if dry_run or problems:
            transaction.set_rollback(True)
    if problems:
        raise RowsRefused(problems)
    return imported


class _InvalidCell(Exception):
    def __init__(self, row: TableRow, column: str, text: object) -> None:
        super().__init__(text)
        self.problem = CellProblem(row.number, column, str(text))


def _import_row(row: TableRow, meters: dict[str, Meter], *, by: User | None, at: datetime) -> ImportedCost:
    arguments = _parse_row(row, meters)
    same_usage = UnitCost.objects.of(
        meter_id=arguments["meter"].pk, match=arguments["match"], currency=arguments["currency"]
    )
    before = same_usage.filter(valid_from=arguments["valid_from"]).first()
    replaced = before or same_usage.in_force(arguments["valid_from"]).first()
    try:
        cost = record_cost(**arguments, by=by, at=at)
    except CostRefused as refusal:
        raise _InvalidCell(row, "", refusal) from refusal
    unchanged = before is not None and cost_rows([before]) == cost_rows([cost])
    return ImportedCost(row.number, "same" if unchanged else "changed" if before else "new", cost, replaced)


def _parse_row(row: TableRow, meters: dict[str, Meter]) -> dict[str, Any]:
    """Return the cells of a row as arguments for `record_cost`."""
    meter = meters.get(row.cells["meter"])
    if meter is None:
        raise _InvalidCell(row, "meter", f"No meter has the code “{row.cells['meter']}”.")
    parsers = {
        "match": cell_parser.parse_dimensions,
        "currency": cell_parser.parse_currency,
        "cost": lambda text: cell_parser.parse_number(text, places=UNIT_PRICE["decimal_places"]),
        "valid_from": cell_parser.parse_time,
        "valid_to": lambda text: cell_parser.parse_time(text) if text else None,
        "note": _note,
    }
    arguments: dict[str, Any] = {"meter": meter}
    for column, parse in parsers.items():
        try:
            arguments[column] = parse(row.cells[column])
        except cell_parser.CellRefused as refusal:
            raise _InvalidCell(row, column, refusal) from refusal
    return arguments


def _note(text: str) -> str:
    most = UnitCost._meta.get_field("note").max_length
    if most is not None and len(text) > most:
        raise cell_parser.CellRefused(f"A note has at most {most} characters; this one has {len(text)}.")
    return text
