"""Unit costs as a table: given out, and taken in row by row by the operation that the form uses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from lib.decimals import plain
from lib.field_types import UNIT_PRICE
from lib.tabular_files import Problem, Row
from plans.costs.unit_costs import CostRefused, record_cost
from plans.models import Meter, UnitCost
from plans.price_lists import cell_parser

COLUMNS = ("meter", "match", "currency", "cost", "valid_from", "valid_to", "note")
NEEDED = ("meter", "currency", "cost", "valid_from")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a row: `what` is new, changed or same, and `before` the cost that it replaces, if any."""

    row: int
    what: str
    cost: UnitCost
    before: UnitCost | None


class RowsRefused(ValueError):
    """Rows that cannot be taken in, with what is wrong with each; nothing of the list was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} of its cells must change first.")
        self.problems = problems


def rows_of(stored: Iterable[UnitCost]) -> list[list[str]]:
    """Return costs as rows of the columns, in the order given."""
    return [
        [
            one.meter.code,
            cell_parser.match_text(one.match),
            str(one.currency),
            plain(one.cost),
            cell_parser.moment_text(one.valid_from),
            cell_parser.moment_text(one.valid_to),
            one.note,
        ]
        for one in stored
    ]


def take_costs(
    rows: Sequence[Row], *, by: AbstractBaseUser | None, at: datetime, dry_run: bool = False
) -> list[Taken]:
    """
    Record the costs of a table, all of them or none; those that are as they stand already stay untouched.

    dry_run: tell what would become of each, and leave everything as it is.

    :raises RowsRefused: with every cell that does not fit.
    """
    meters = {meter.code: meter for meter in Meter.objects.filter(code__in={row.cells["meter"] for row in rows})}
    taken: list[Taken] = []
    problems: list[Problem] = []
    with transaction.atomic():
        for row in rows:
            try:
                taken.append(_take(row, meters, by=by, at=at))
            except _Refused as refusal:
                problems.append(refusal.problem)
        if dry_run or problems:
            transaction.set_rollback(True)
    if problems:
        raise RowsRefused(problems)
    return taken


class _Refused(Exception):
    def __init__(self, row: Row, column: str, text: object) -> None:
        super().__init__(text)
        self.problem = Problem(row.number, column, str(text))


def _take(row: Row, meters: dict[str, Meter], *, by: AbstractBaseUser | None, at: datetime) -> Taken:
    asked = _asked(row, meters)
    same = UnitCost.objects.of(meter_id=asked["meter"].pk, match=asked["match"], currency=asked["currency"])
    before = same.filter(valid_from=asked["valid_from"]).first()
    replaced = before or same.in_force(asked["valid_from"]).first()
    try:
        cost = record_cost(**asked, by=by, at=at)
    except CostRefused as refusal:
        raise _Refused(row, "", refusal) from refusal
    unchanged = before is not None and rows_of([before]) == rows_of([cost])
    return Taken(row.number, "same" if unchanged else "changed" if before else "new", cost, replaced)


def _asked(row: Row, meters: dict[str, Meter]) -> dict[str, Any]:
    """Return what a row says, as the operation takes it."""
    meter = meters.get(row.cells["meter"])
    if meter is None:
        raise _Refused(row, "meter", f"No meter has the code “{row.cells['meter']}”.")
    read = {
        "match": cell_parser.match,
        "currency": cell_parser.currency,
        "cost": lambda text: cell_parser.figure(text, places=UNIT_PRICE["decimal_places"]),
        "valid_from": cell_parser.moment,
        "valid_to": lambda text: cell_parser.moment(text) if text else None,
        "note": _note,
    }
    asked: dict[str, Any] = {"meter": meter}
    for column, reader in read.items():
        try:
            asked[column] = reader(row.cells[column])
        except cell_parser.CellRefused as refusal:
            raise _Refused(row, column, refusal) from refusal
    return asked


def _note(text: str) -> str:
    most = UnitCost._meta.get_field("note").max_length
    if len(text) > most:
        raise cell_parser.CellRefused(f"A note has {most} characters at most; this one has {len(text)}.")
    return text
