"""The parts of a target: which there are, and how one takes the place of another."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from billing.models import DropPart, DropTarget, JobItem
from billing.revenue.data_drop.columns import DropColumn, columns_digest
from billing.revenue.data_drop.ledger_tables import PostingTable, RecurringRevenueTable
from billing.revenue.data_drop.part_file import PartFile, make_part_file
from billing.revenue.data_drop.plan import DropPlan
from billing.revenue.data_drop.store import Store
from billing.revenue.data_drop.tables import STORED
from lib.failpoints import hit_failpoint


class Table(Protocol):
    """A table of the drop, cut into sections and ranges of keys. See `StoredTable` for the meaning of the methods."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> tuple[DropColumn, ...]: ...

    @property
    def key(self) -> str: ...

    def sections(self, plan: DropPlan) -> Any: ...

    def last_number(self, plan: DropPlan, section: str) -> int: ...

    def is_final(self, plan: DropPlan, section: str, number: int) -> bool: ...

    def statement(self, plan: DropPlan, section: str, number: int) -> tuple[str, Any]: ...


_TABLES: tuple[Table, ...] = (*STORED, PostingTable(), RecurringRevenueTable())
TABLES = {table.name: table for table in _TABLES}
"""All tables of a drop, by name."""


@dataclass(frozen=True, slots=True)
class PartKey:
    """The place of a part in its table."""

    table: str
    section: str
    number: int


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a part: its rows, and whether it has a new file. size: in bytes."""

    rows: int
    size: int
    is_new: bool


def list_sections(plan: DropPlan) -> Iterator[tuple[str, str]]:
    """Yield each table with each of its sections, always in the same order for one plan."""
    for table in TABLES.values():
        for section in table.sections(plan):
            yield table.name, section


def list_keys(plan: DropPlan) -> Iterator[PartKey]:
    """Yield the keys of all parts, always in the same order for one plan."""
    for table, section in list_sections(plan):
        for number in range(TABLES[table].last_number(plan, section) + 1):
            yield PartKey(table, section, number)


def current_parts(target: DropTarget) -> QuerySet[DropPart]:
    return DropPart.objects.filter(target=target, replaced_at__isnull=True)


def final_keys(target: DropTarget) -> set[PartKey]:
    """Return the keys of the parts that need not be read again."""
    digests = {name: columns_digest(table.columns, target.format) for name, table in TABLES.items()}
    parts = current_parts(target).filter(is_final=True)
    return {
        PartKey(table, section, number)
        for table, section, number, columns in parts.values_list(
            "table_name", "section", "number", "columns"
        ).iterator()
        if digests.get(table) == columns
    }


def write_part(
    key: PartKey, *, item: JobItem, target: DropTarget, plan: DropPlan, store: Store, at: datetime, rewrites: bool
) -> WriteResult:
    """
    Read the rows of a range, and store their file unless the one that is there is the same.

    The file is stored before its row is committed: a worker that is killed between leaves a file that no manifest
    names. Each try has a name of its own, so that a request of a dead worker can't replace a file of a live one.
    """
    table = TABLES[key.table]
    # Before the rows are read: whatever commits between only makes the part less final than it is.
    is_final = table.is_final(plan, key.section, key.number)
    statement, parameters = table.statement(plan, key.section, key.number)
    columns = columns_digest(table.columns, target.format)
    with make_part_file(
        statement, parameters, columns=table.columns, key=table.key, file_format=target.format
    ) as part:
        hit_failpoint("drop.read")
        places = current_parts(target).filter(table_name=key.table, section=key.section, number=key.number)
        current = places.first()
        is_same = current is not None and (current.sha256, current.columns) == (part.sha256, columns)
        is_kept = is_same and not rewrites
        if item.job.dry_run:
            return WriteResult(part.rows, part.size, is_new=bool(part.rows) and not is_kept)
        if is_kept:
            places.filter(is_final=False).update(is_final=is_final)
            return WriteResult(part.rows, part.size, is_new=False)
        path = path_of(key, job_id=item.job_id, number=item.tries, file_format=target.format) if part.rows else ""
        if path:
            store.write(path, part.file, size=part.size, sha256=part.sha256)
            hit_failpoint("drop.stored")
        places.update(replaced_at=at)
        if path or is_final:
            _record(key, part, path, item=item, target=target, columns=columns, is_final=is_final, at=at)
        return WriteResult(part.rows, part.size, is_new=bool(path))


def path_of(key: PartKey, *, job_id: int, number: int, file_format: str) -> str:
    """Return the name of a file, below its table's folder. number: of the try to write it."""
    section = f"{key.section}-" if key.section else ""
    return f"{key.table}/{section}{key.number:06d}-{job_id}-{number}.{file_format}"


def _record(
    key: PartKey,
    part: PartFile,
    path: str,
    *,
    item: JobItem,
    target: DropTarget,
    columns: str,
    is_final: bool,
    at: datetime,
) -> None:
    DropPart.objects.create(
        target=target,
        job_id=item.job_id,
        table_name=key.table,
        section=key.section,
        number=key.number,
        path=path,
        sha256=part.sha256,
        size=part.size if path else 0,
        rows=part.rows,
        first_key=part.first_key,
        last_key=part.last_key,
        columns=columns,
        is_final=is_final,
        written_at=at,
    )
