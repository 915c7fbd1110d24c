"""Unit costs as a table: given out, and taken in row by row by the operation that the form uses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
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
    """What became of a row: `what` is new, changed or same, and `before` the cost that it replaces, if any."""

    row: int
    outcome: str
    cost: UnitCost
    before: UnitCost | None


class RowsRefused(ValueError):
    """Rows that cannot be taken in, with what is wrong with each; nothing of the list was stored."""

    def __init__(self, problems: Sequence[CellProblem]) -> None:
        super().__init__(f"{len(problems)} of its cells must change first.")
        self.problems = problems


def cost_rows(costs: Iterable[UnitCost]) -> list[list[str]]:
    """Return costs as rows of the columns, in the order given."""
    return [
        [
            cost.meter.code,
            cell_parser.match_text(cost.match),
            str(cost.currency),
            to_plain_string(cost.cost),
            cell_parser.moment_text(cost.valid_from),
            cell_parser.moment_text(cost.valid_to),
            cost.note,
        ]
        for cost in costs
    ]


def import_costs(
    rows: Sequence[TableRow], *, by: AbstractBaseUser | None, at: datetime, dry_run: bool = False
) -> list[ImportedCost]:
    """
    Record the costs of a table, all of them or none; those that are as they stand already stay untouched.

    dry_run: tell what would become of each, and leave everything as it is.

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


def _import_row(
    row: TableRow, meters: dict[str, Meter], *, by: AbstractBaseUser | None, at: datetime
) -> ImportedCost:
    arguments = _parse_row(row, meters)
    same = UnitCost.objects.of(
        meter_id=arguments["meter"].pk, match=arguments["match"], currency=arguments["currency"]
    )
    before = same.filter(valid_from=arguments["valid_from"]).first()
    replaced = before or same.in_force(arguments["valid_from"]).first()
    try:
        cost = record_cost(**arguments, by=by, at=at)
    except CostRefused as refusal:
        raise _InvalidCell(row, "", refusal) from refusal
    unchanged = before is not None and cost_rows([before]) == cost_rows([cost])
    return ImportedCost(row.number, "same" if unchanged else "changed" if before else "new", cost, replaced)


def _parse_row(row: TableRow, meters: dict[str, Meter]) -> dict[str, Any]:
    """Return what a row says, as the operation takes it."""
    meter = meters.get(row.cells["meter"])
    if meter is None:
        raise _InvalidCell(row, "meter", f"No meter has the code “{row.cells['meter']}”.")
    parsers = {
        "match": cell_parser.match,
        "currency": cell_parser.currency,
        "cost": lambda text: cell_parser.figure(text, places=UNIT_PRICE["decimal_places"]),
        "valid_from": cell_parser.moment,
        "valid_to": lambda text: cell_parser.moment(text) if text else None,
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
    if len(text) > most:
        raise cell_parser.CellRefused(f"A note has {most} characters at most; this one has {len(text)}.")
    return text
