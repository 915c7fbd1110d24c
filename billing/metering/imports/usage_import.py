"""Import the rows of a file: batch by batch through the API's own decoder and recording."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from billing.metering.imports.row_conversion import RowRefused, Shape
from billing.metering.imports.row_reader import Row
from billing.metering.ingest import event_recorder, submission
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store import events as event_store
from billing.metering.store import unmatched_usage
from lib.failpoints import hit_failpoint

BATCH = 1_000
BATCH_BYTES = 4 * 1024 * 1024


class Refusal(NamedTuple):
    """A row that was not taken in: where, its id if it has one, which field, and why."""

    row: int
    id: str
    field: str
    detail: str


@dataclass(slots=True)
class Imported:
    """
    What came of rows so far.

    rows: read. accepted, duplicate, conflict: as the API answers. refused: rows that are no events.
    unmatched: of those accepted, how many events no price took, by reason. floats: cells that were doubles.
    """

    rows: int = 0
    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    refused: int = 0
    floats: int = 0
    unmatched: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """Rows as one body of the API, with the number of each in the file, and those that are no events."""

    numbers: list[int] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.numbers) + len(self.refusals)


def import_usage(
    *,
    rows: Iterable[Row],
    shape: Shape,
    sandbox: bool,
    at: datetime,
    dry_run: bool = False,
    refuse: Callable[[Refusal], None] = lambda refusal: None,
    progress: Callable[[Imported], None] = lambda done: None,
) -> Imported:
    """
    Store the events of a file that are new, each once by its id, and return what came of the rows.

    Each batch is one transaction. Killed anywhere and run again, what was stored answers as a duplicate. dry_run:
    say what would come of it, and store nothing. refuse: called with each row that is not taken in.

    :raises FileRefused: if the file cannot be read to its end; what was read before is stored.
    """
    done = Imported()
    for batch in _batches(rows, shape):
        received, refusals = _read(batch, sandbox=sandbox, at=at)
        outcomes, reasons = (
            _tried(received, sandbox=sandbox) if dry_run else _stored(received, sandbox=sandbox, at=at)
        )
        refusals += _conflicts(received, outcomes, batch.numbers)
        done.rows += batch.rows
        done.accepted += outcomes.count(event_recorder.ACCEPTED)
        done.duplicate += outcomes.count(event_recorder.DUPLICATE)
        done.conflict += outcomes.count(event_recorder.CONFLICT)
        done.refused += len(refusals) - outcomes.count(event_recorder.CONFLICT)
        done.floats = shape.floats
        for reason in reasons:
            done.unmatched[reason] = done.unmatched.get(reason, 0) + 1
        for refusal in sorted(refusals):
            refuse(refusal)
        progress(done)
        hit_failpoint("import.after_batch")
    return done


def _batches(rows: Iterable[Row], shape: Shape) -> Iterator[Batch]:
    batch, size = Batch(), 0
    for row in rows:
        try:
            event = shape.event_of(row)
        except RowRefused as error:
            batch.refusals.append(Refusal(row.number, "", error.field, str(error)))
        else:
            batch.numbers.append(row.number)
            batch.events.append(event)
            size += len(event)
        if batch.rows >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = Batch(), 0
    if batch.rows:
        yield batch


def _read(batch: Batch, *, sandbox: bool, at: datetime) -> tuple[list[ReceivedEvent], list[Refusal]]:
    """Read a batch as the API does."""
    if not batch.events:
        return [], batch.refusals
    received, refused, _ = submission.read_events(b"[%b]" % b",".join(batch.events), sandbox=sandbox, at=at)
    told = [Refusal(batch.numbers[one.index], one.id, one.field, one.detail) for one in refused]
    return received, [*batch.refusals, *told]


def _stored(received: Sequence[ReceivedEvent], *, sandbox: bool, at: datetime) -> tuple[list[str], list[str]]:
    """Record a batch; return the outcome of each event, and a reason for each new one that no price took."""
    outcomes = submission.store_events(received, sandbox=sandbox, at=at)
    new = [event.key for event, one in zip(received, outcomes, strict=True) if one == event_recorder.ACCEPTED]
    reports = unmatched_usage.read_reports(new) if new else {}
    return outcomes, [min(report.reason for report in of_event.values()) for of_event in reports.values()]


def _tried(received: Sequence[ReceivedEvent], *, sandbox: bool) -> tuple[list[str], list[str]]:
    """Return what recording would come to now."""
    there = event_store.read_digests([event.key for event in received]) if received else {}
    outcomes = []
    new: dict[str, ReceivedEvent] = {}
    for event in received:
        before = there.get(event.key) or (new[event.key].digest if event.key in new else None)
        if before is None:
            new[event.key] = event
        same = event_recorder.DUPLICATE if before == event.digest else event_recorder.CONFLICT
        outcomes.append(event_recorder.ACCEPTED if before is None else same)
    found = event_recorder.attribute_events(list(new.values()), sandbox=sandbox).attributions if new else ()
    return outcomes, [min(part.reason for part in one.unmatched_parts) for one in found if one.unmatched_parts]


OTHER_CONTENT = "was stored before with other content; a new fact needs a new id"


def _conflicts(received: Sequence[ReceivedEvent], outcomes: Sequence[str], numbers: Sequence[int]) -> list[Refusal]:
    return [
        Refusal(numbers[event.index], event.id, "id", OTHER_CONTENT)
        for event, outcome in zip(received, outcomes, strict=True)
        if outcome == event_recorder.CONFLICT
    ]
