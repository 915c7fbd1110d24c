"""Import the rows of a file in batches, through the API's own parser and recorder."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext

from billing.metering.imports.row_conversion import RowMapping, RowRefused
from billing.metering.imports.row_reader import ImportRow
from billing.metering.ingest import event_recorder, submission
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store import events as event_store
from billing.metering.store import unmatched_usage
from lib.failpoints import hit_failpoint

# One transaction's events: enough to amortize its round trips, few enough to hold its locks briefly.
BATCH = 1_000
BATCH_BYTES = 4 * 1024 * 1024


class Refusal(NamedTuple):
    """A row that was refused: its number, its id if it has one, the field, and the reason."""

    row: int
    id: str
    field: str
    detail: str


@dataclass(slots=True)
class ImportTotals:
    """
    Totals of the rows imported so far.

    rows: rows read.
    accepted, duplicate, conflict: outcomes as in the API.
    refused: rows that are not events.
    unmatched: accepted events without a price, by reason.
    floats: cells that were doubles.
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
    """Rows as one body of the API, with the number of each row in the file, and the rows that are not events."""

    numbers: list[int] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.numbers) + len(self.refusals)


def import_usage(
    *,
    rows: Iterable[ImportRow],
    mapping: RowMapping,
    sandbox: bool,
    at: datetime,
    dry_run: bool = False,
    refuse: Callable[[Refusal], None] = lambda refusal: None,
    progress: Callable[[ImportTotals], None] = lambda done: None,
) -> ImportTotals:
    """
    Store the new events of a file, each once by its id, and return the totals.

    dry_run: compute the totals without storing anything.
    refuse: called with each refused row.

    Each batch is one transaction. After a crash the file can be imported again: stored events count as duplicates.

    :raises FileRefused: if the file can't be read to its end; the batches before stay stored.
    """
    totals = ImportTotals()
    for batch in _batches(rows, mapping):
        received, refusals = _parse_batch(batch, sandbox=sandbox, at=at)
        outcomes, reasons = (
            _try_batch(received, sandbox=sandbox) if dry_run else _store_batch(received, sandbox=sandbox, at=at)
        )
        refusals += _find_conflicts(received, outcomes, batch.numbers)
        totals.rows += batch.rows
        totals.accepted += outcomes.count(event_recorder.ACCEPTED)
        totals.duplicate += outcomes.count(event_recorder.DUPLICATE)
        totals.conflict += outcomes.count(event_recorder.CONFLICT)
        totals.refused += len(refusals) - outcomes.count(event_recorder.CONFLICT)
        totals.floats = mapping.floats
        for reason in reasons:
            totals.unmatched[reason] = totals.unmatched.get(reason, 0) + 1
        # In the order of rows, although conflicts are found after the refused rows.
        for refusal in sorted(refusals):
            refuse(refusal)
        progress(totals)
        hit_failpoint("import.after_batch")
    return totals


def _batches(rows: Iterable[ImportRow], mapping: RowMapping) -> Iterator[Batch]:
    batch, size = Batch(), 0
    for row in rows:
        try:
            event = mapping.to_event(row)
        except RowRefused as error:
            batch.refusals.append(Refusal(row.number, "", error.field, str(error)))
        else:
            batch.numbers.append(row.number)
            batch.events.append(event)
            size += len(event)
        # Both are below the API's own limits of a body.
        if batch.rows >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = Batch(), 0
    if batch.rows:
        yield batch


def _parse_batch(batch: Batch, *, sandbox: bool, at: datetime) -> tuple[list[ReceivedEvent], list[Refusal]]:
    """Parse a batch as the API does."""
    if not batch.events:
        return [], batch.refusals
    received, refused, _ = submission.read_events(b"[%b]" % b",".join(batch.events), sandbox=sandbox, at=at)
    row_refusals = [Refusal(batch.numbers[error.index], error.id, error.field, error.detail) for error in refused]
    return received, [*batch.refusals, *row_refusals]


def _store_batch(received: Sequence[ReceivedEvent], *, sandbox: bool, at: datetime) -> tuple[list[str], list[str]]:
    """Record a batch; return the outcome of each event, and a reason for each new event that is unmatched."""
    outcomes = submission.store_events(received, sandbox=sandbox, at=at)
    new = [event.key for event, outcome in zip(received, outcomes, strict=True) if outcome == event_recorder.ACCEPTED]
    reports = unmatched_usage.read_reports(new) if new else {}
    # One reason per event, so that the counts add up to the number of events.
    return outcomes, [min(report.reason for report in of_event.values()) for of_event in reports.values()]


def _try_batch(received: Sequence[ReceivedEvent], *, sandbox: bool) -> tuple[list[str], list[str]]:
    """Return the outcomes and reasons that recording the batch now would give."""
    stored_digests = event_store.read_digests([event.key for event in received]) if received else {}
    outcomes = []
    new: dict[str, ReceivedEvent] = {}
    for event in received:
        known_digest = stored_digests.get(event.key) or (new[event.key].digest if event.key in new else None)
        if known_digest is None:
            new[event.key] = event
        same = event_recorder.DUPLICATE if known_digest == event.digest else event_recorder.CONFLICT
        outcomes.append(event_recorder.ACCEPTED if known_digest is None else same)
    attributions = event_recorder.attribute_events(list(new.values()), sandbox=sandbox).attributions if new else ()
    return outcomes, [
        min(part.reason for part in attribution.unmatched_parts)
        for attribution in attributions
        if attribution.unmatched_parts
    ]


OTHER_CONTENT = gettext("was stored before with different content; use a new ID for a new event")


def _find_conflicts(
    received: Sequence[ReceivedEvent], outcomes: Sequence[str], numbers: Sequence[int]
) -> list[Refusal]:
    return [
        Refusal(numbers[event.index], event.id, "id", OTHER_CONTENT)
        for event, outcome in zip(received, outcomes, strict=True)
        if outcome == event_recorder.CONFLICT
    ]
