"""
Do the items of jobs, one by one, on any number of workers.

An item is done in one transaction that holds its row: the lock is the lease, so that what a worker leaves when it is
killed is free at once, and all of its effects are gone. That a worker began is noted beforehand by itself: an item
that kills whoever takes it is given up after as many tries as any other.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from billing.jobs import completion
from billing.jobs.item_split import split_job
from billing.jobs.kinds import MAX_TRIES, ItemOutcome, JobDefinition, JobDefinitions
from billing.models import Job, JobItem
from billing.models.jobs import OPEN_STATES, ItemState
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint

GAP_SECONDS = 2
ITEMS_PER_TURN = 20
"""Items of one job before another one has its turn."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkResult:
    """How many items this worker did, and how many of its tries came to nothing."""

    done: int = 0
    failed: int = 0


def work(
    *,
    kinds: JobDefinitions,
    clock: Callable[[], datetime],
    job_id: int | None = None,
    keep_going: Callable[[], bool] = lambda: True,
    progress: Callable[[WorkResult], None] = lambda done: None,
) -> WorkResult:
    """
    Do what there is to do of all open jobs, by turns, until nothing is left that others are not at.

    clock: tells the time when an item is done. job_id: of this job only. Killed anywhere, what was done stays done,
    and what was begun is as if it had not been.
    """
    worked = WorkResult()
    jobs = Job.objects.filter(state__in=OPEN_STATES, kind__in=kinds).order_by("pk")
    if job_id is not None:
        jobs = jobs.filter(pk=job_id)
    while keep_going():
        turns = [_turn(job, kinds[job.kind], worked, clock, keep_going, progress) for job in jobs.all()]
        if not any(turns):
            break
    return worked


def _turn(
    job: Job,
    kind: JobDefinition,
    worked: WorkResult,
    clock: Callable[[], datetime],
    keep_going: Callable[[], bool],
    progress: Callable[[WorkResult], None],
) -> bool:
    """Go on with one job for a while, and return whether something was done."""
    if job.total is None:
        return split_job(job_id=job.pk, definition=kind, at=clock(), keep_going=keep_going)
    for _ in range(ITEMS_PER_TURN):
        if not keep_going():
            return True
        item_id = _begin(job.pk)
        if item_id is None:
            return completion.complete_job(job_id=job.pk, definition=kind, at=clock())
        _do(item_id, kind, worked, clock)
        progress(worked)
    return True


_BEGIN = """
UPDATE billing_jobitem SET tries = tries + 1, begun_at = clock_timestamp()
WHERE id = (
    SELECT i.id FROM billing_jobitem i JOIN billing_job j ON j.id = i.job_id
    WHERE i.job_id = %s AND i.state = 'waiting' AND j.state = 'running'
        AND (i.begun_at IS NULL OR i.begun_at < clock_timestamp() - i.tries * %s * interval '1 second')
    ORDER BY i.number LIMIT 1 FOR UPDATE OF i SKIP LOCKED
)
RETURNING id
"""


def _begin(job_id: int) -> int | None:
    """
    Note that the next item is begun, and return its id; None if none is to be had now.

    Nobody else begins with it for `GAP_SECONDS`, by when it is locked; after tries that came to nothing, for so much
    longer. Only a count is lost if the server dies meanwhile, so nobody waits for its disk.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_BEGIN, [job_id, GAP_SECONDS])
        row = cursor.fetchone()
    return row[0] if row else None


def _do(item_id: int, kind: JobDefinition, worked: WorkResult, clock: Callable[[], datetime]) -> None:
    """Do an item, unless somebody else is at it; what it raises is noted, and no concern of the others."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if kind.reads_snapshot and is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        waiting = JobItem.objects.select_related("job").select_for_update(skip_locked=True, of=("self",))
        item = waiting.filter(pk=item_id, state=ItemState.WAITING).first()
        if item is None:
            return
        hit_failpoint("jobs.begun")
        if item.tries > MAX_TRIES:
            _fail(item, f"Given up: its worker died in each of {MAX_TRIES} tries.", at=clock())
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
    """Keep what came of an item; where something of it is left, that fails it, unless it is worth another try."""
    item.error = storable_error_text(outcome.unfinished)
    if not outcome.unfinished:
        item.state, item.finished_at = ItemState.DONE, at
    elif not outcome.is_transient or item.tries >= MAX_TRIES:
        item.state, item.finished_at = ItemState.FAILED, at
    item.figures, item.findings = outcome.figures, [_storable(one) for one in outcome.findings]
    changed = ["state", "finished_at", "error", "figures", "findings"]
    if item.content is not None and not outcome.keeps_content and not outcome.unfinished:
        item.content = None
        changed.append("content")
    item.save(update_fields=changed)


def _note(item: JobItem, error: str, *, at: datetime) -> None:
    """Keep why a try came to nothing; the last one there is fails the item."""
    if item.tries >= MAX_TRIES:
        _fail(item, error, at=at)
    else:
        item.error = storable_error_text(error)
        item.save(update_fields=["error"])


def _fail(item: JobItem, error: str, *, at: datetime) -> None:
    item.state, item.finished_at, item.error = ItemState.FAILED, at, storable_error_text(error)
    item.save(update_fields=["state", "finished_at", "error"])


def _storable(finding: dict[str, str | int]) -> dict[str, str | int]:
    """Return a finding as PostgreSQL can store it: no text of it holds U+0000."""
    return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in finding.items()}
