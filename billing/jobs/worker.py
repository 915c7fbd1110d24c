"""
Process the items of jobs on any number of workers.

An item is processed in one transaction that holds its row lock. The lock is the lease: when a worker is killed, the
item is free at once and none of its effects remain. The start of a try is counted in an earlier transaction, so an
item that kills its workers fails after `MAX_TRIES`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from billing.jobs import completion
from billing.jobs.definitions import MAX_TRIES, ItemOutcome, JobDefinition, JobDefinitions
from billing.jobs.item_split import split_job
from billing.models import Job, JobItem
from billing.models.jobs import OPEN_STATES, ItemState
from lib import sql
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

# From the count of a try to the lock of its item, a worker needs milliseconds; this is ample.
GAP_SECONDS = 2
ITEMS_PER_TURN = 20
"""Items of one job before the next job gets its turn."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkResult:
    """Number of items that this worker processed, and of tries that failed."""

    done: int = 0
    failed: int = 0


def work(
    *,
    kinds: JobDefinitions,
    clock: Callable[[], datetime],
    job_id: int | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> WorkResult:
    """
    Process the items of all open jobs in turns, until none is left that no other worker holds; return the counts.

    clock: returns the time at which an item is processed. job_id: limits the work to this job. After a kill at any
    moment, completed items stay completed, and the item in progress starts over.
    """
    worked = WorkResult()
    jobs = Job.objects.filter(state__in=OPEN_STATES, kind__in=kinds).order_by("pk")
    if job_id is not None:
        jobs = jobs.filter(pk=job_id)
    while deadline.has_time():
        turns = [_turn(job, kinds[job.kind], worked, clock, deadline) for job in jobs.all()]
        if not any(turns):
            break
    return worked


def _turn(
    job: Job, kind: JobDefinition, worked: WorkResult, clock: Callable[[], datetime], deadline: Deadline
) -> bool:
    """Work on one job for up to `ITEMS_PER_TURN` items, and return whether anything was done."""
    if job.total is None:
        return split_job(job_id=job.pk, definition=kind, at=clock(), deadline=deadline)
    for _ in deadline.limit(range(ITEMS_PER_TURN)):
        item_id = _begin(job.pk, last_waits=kind.last_item_waits)
        if item_id is None:
            return completion.complete_job(job_id=job.pk, definition=kind, at=clock())
        _do(item_id, kind, worked, clock)
    return True


# SKIP LOCKED and the gap keep two workers from starting one item; the item's own row lock follows in `_do`. An item
# in progress is still waiting for all but its own worker.
_BEGIN = """
UPDATE billing_jobitem SET tries = tries + 1, begun_at = clock_timestamp()
WHERE id = (
    SELECT i.id FROM billing_jobitem i JOIN billing_job j ON j.id = i.job_id
    WHERE i.job_id = %s AND i.state = 'waiting' AND j.state = 'running'
        AND (i.begun_at IS NULL OR i.begun_at < clock_timestamp() - i.tries * %s * interval '1 second')
        AND NOT (%s AND i.number = j.total AND EXISTS (
            SELECT FROM billing_jobitem o WHERE o.job_id = i.job_id AND o.state = 'waiting' AND o.number < i.number))
    ORDER BY i.number LIMIT 1 FOR UPDATE OF i SKIP LOCKED
)
RETURNING id
"""


def _begin(job_id: int, *, last_waits: bool) -> int | None:
    """
    Count a try of the next item and return its id; None if no item is available.

    last_waits: see `JobDefinition.last_item_waits`.

    No other worker starts the item for `GAP_SECONDS`, by when the item is locked; each failed try adds as much again.
    A server crash can lose only this count, so the commit doesn't wait for the disk.
    """
    with transaction.atomic():
        sql.execute("SET LOCAL synchronous_commit = off")
        ids = sql.fetch_column(_BEGIN, [job_id, GAP_SECONDS, last_waits])
    return ids[0] if ids else None


def _do(item_id: int, kind: JobDefinition, worked: WorkResult, clock: Callable[[], datetime]) -> None:
    """Process an item unless another worker holds it; store an error it raises, so that other items continue."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if kind.reads_snapshot and is_outermost:
            sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # The lease: another worker that reaches this item skips it.
        item = lock_free_row(JobItem.objects.select_related("job").filter(pk=item_id, state=ItemState.WAITING))
        if item is None:
            return
        hit_failpoint("jobs.begun")
        if item.tries > MAX_TRIES:
            _fail(item, f"Abandoned: the worker died in each of {MAX_TRIES} tries.", at=clock())
            worked.failed += 1
            return
        try:
            with transaction.atomic():
                outcome = kind.process(item, clock())
                _finish(item, outcome, at=clock())
        except Exception as error:
            _log.warning("item %s of job %s failed: %s", item.number, item.job_id, type(error).__name__)
            _note(item, f"{type(error).__name__}: {error}", at=clock())
            worked.failed += 1
            return
        hit_failpoint("jobs.before_commit")
        worked.done += not outcome.unfinished
        worked.failed += bool(outcome.unfinished)
    hit_failpoint("jobs.after_commit")


def _finish(item: JobItem, outcome: ItemOutcome, *, at: datetime) -> None:
    """Store an item's outcome. An unfinished item fails unless it is transient and has tries left."""
    item.error = storable_error_text(outcome.unfinished)
    if not outcome.unfinished:
        item.state, item.finished_at = ItemState.DONE, at
    elif not outcome.is_transient or item.tries >= MAX_TRIES:
        item.state, item.finished_at = ItemState.FAILED, at
    item.figures, item.findings = outcome.figures, [_storable(finding) for finding in outcome.findings]
    changed = ["state", "finished_at", "error", "figures", "findings"]
    if item.content is not None and not outcome.keeps_content and not outcome.unfinished:
        item.content = None
        changed.append("content")
    item.save(update_fields=changed)


def _note(item: JobItem, error: str, *, at: datetime) -> None:
    """Store the error of a failed try; after `MAX_TRIES` the item fails."""
    if item.tries >= MAX_TRIES:
        _fail(item, error, at=at)
    else:
        item.error = storable_error_text(error)
        item.save(update_fields=["error"])


def _fail(item: JobItem, error: str, *, at: datetime) -> None:
    item.state, item.finished_at, item.error = ItemState.FAILED, at, storable_error_text(error)
    item.save(update_fields=["state", "finished_at", "error"])


def _storable(finding: dict[str, str | int]) -> dict[str, str | int]:
    """Return a finding without U+0000, which PostgreSQL can't store."""
    return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in finding.items()}
