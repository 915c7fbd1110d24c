"""Cut a job into its items: step by step, each step one transaction, so that whoever comes next goes on."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from django.db import OperationalError, transaction

from billing.jobs.kinds import MAX_TRIES, JobDefinition, SplitFailed
from billing.models import Job, JobItem, JobPart
from billing.models.jobs import OPEN_STATES, JobState
from lib.audit_log import audited_transaction
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint

ITEMS_PER_STEP = 20
"""Items that are stored at a time; a page that wants to pause the job waits that long at most."""

_log = logging.getLogger(__name__)


def split_job(*, job_id: int, definition: JobDefinition, at: datetime, keep_going: Callable[[], bool]) -> bool:
    """
    Store the items of a job, from where the last one left off, and return whether something was done.

    Whoever holds the job cuts it; others leave it alone. What cannot be cut has failed, and says why.
    """
    items, before = None, 0
    while keep_going():
        if items is None:
            _begin(job_id, at=at)
        with transaction.atomic():
            job = _hold(job_id)
            if job is None:
                return before > 0
            last = job.items.order_by("-number").first()
            number = last.number if last else 0
            if items is None or number != before:  # we begin, or somebody else went on meanwhile
                items = definition.split(job, last)
            try:
                stored = _store(job, items, at=at)
            except OperationalError:
                raise
            except Exception as error:
                _give_up(job, error, at=at)
                return True
        before = number + stored
        hit_failpoint("jobs.after_cut")
        if stored < ITEMS_PER_STEP:
            return True
    return before > 0


def _begin(job_id: int, *, at: datetime) -> None:
    """Note that a job is about to be cut, which outlives whoever its file kills; give it up where it killed many."""
    with transaction.atomic():
        job = _hold(job_id)
        if job is None:
            return
        if job.cut_tries >= MAX_TRIES:
            _give_up(job, SplitFailed(f"Given up: its worker died in each of {MAX_TRIES} tries to cut it."), at=at)
            return
        job.cut_tries += 1
        job.save(update_fields=["cut_tries"])
    hit_failpoint("jobs.cut_begun")


def _hold(job_id: int) -> Job | None:
    """Lock a job that is still to be cut; None if there is nothing to cut, or somebody else is at it."""
    waiting = Job.objects.filter(pk=job_id, state__in=OPEN_STATES, total__isnull=True)
    return waiting.select_for_update(skip_locked=True).first()


def _store(job: Job, items: Iterator[JobItem], *, at: datetime) -> int:
    """Store the next items and return how many; with the last ones, say how many there are in all."""
    with audited_transaction("job cut into items", by=None, at=at):
        found = list(islice(items, ITEMS_PER_STEP))
        JobItem.objects.bulk_create(found)
        job.state = JobState.RUNNING
        job.started_at = job.started_at or at
        job.cut_tries = 0
        if len(found) < ITEMS_PER_STEP:
            job.total = job.items.count()
            JobPart.objects.filter(job=job).delete()
        job.save(update_fields=["state", "started_at", "cut_tries", "total"])
    return len(found)


def _give_up(job: Job, error: Exception, *, at: datetime) -> None:
    """Say why a job cannot be cut. Nothing of it was done, and none of its items ever is."""
    if not isinstance(error, SplitFailed):
        _log.exception("job %s cannot be cut", job.pk)
    job.state, job.finished_at = JobState.FAILED, at
    job.error = storable_error_text(
        str(error) if isinstance(error, SplitFailed) else f"{type(error).__name__}: {error}"
    )
    with audited_transaction("job could not be cut", by=None, at=at):
        job.save(update_fields=["state", "finished_at", "error"])
    JobPart.objects.filter(job=job).delete()
