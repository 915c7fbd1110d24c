"""Split a job into its items in short transactions, so that any worker can continue after the last stored item."""

import logging
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.db import OperationalError, transaction

from billing.jobs.definitions import MAX_TRIES, JobDefinition, SplitFailed
from billing.models import Job, JobItem, JobPart
from billing.models.jobs import OPEN_STATES, JobState
from lib.audit_log import audited_transaction
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint
from lib.queue import Deadline, lock_free_row

ITEMS_PER_STEP = 20
"""Items stored per transaction, which is also how long an operator's pause may have to wait."""

_log = logging.getLogger(__name__)


def split_job(*, job_id: int, definition: JobDefinition, at: datetime, deadline: Deadline) -> bool:
    """
    Store the items of a job, starting after the last stored one; return whether anything was stored.

    The worker that holds the job's row lock splits it; other workers skip it. A job that can't be split fails and
    keeps the reason.
    """
    items, stored_number = None, 0
    while deadline.has_time():
        if items is None:
            _begin(job_id, at=at)
        with transaction.atomic():
            job = _lock_unsplit_job(job_id)
            if job is None:
                return stored_number > 0
            last = job.items.order_by("-number").first()
            number = last.number if last else 0
            if items is None or number != stored_number:  # first step, or another worker continued in between
                items = definition.split(job, last)
            try:
                stored = _store_items(job, items, at=at)
            except OperationalError:
                raise
            except Exception as error:
                _give_up(job, error, at=at)
                return True
        stored_number = number + stored
        hit_failpoint("jobs.after_cut")
        if stored < ITEMS_PER_STEP:
            return True
    return stored_number > 0


def _begin(job_id: int, *, at: datetime) -> None:
    """
    Count a try to split the job, in a transaction of its own, so that the count outlives a worker killed by the file;
    fail the job after `MAX_TRIES`.
    """
    with transaction.atomic():
        job = _lock_unsplit_job(job_id)
        if job is None:
            return
        if job.split_tries >= MAX_TRIES:
            _give_up(job, SplitFailed(f"Abandoned: the worker died in each of {MAX_TRIES} tries to split it."), at=at)
            return
        job.split_tries += 1
        job.save(update_fields=["split_tries"])
    hit_failpoint("jobs.cut_begun")


def _lock_unsplit_job(job_id: int) -> Job | None:
    """Lock a job that is still to be split; None if it is split already or another worker holds it."""
    return lock_free_row(Job.objects.filter(pk=job_id, state__in=OPEN_STATES, total__isnull=True))


def _store_items(job: Job, items: Iterator[JobItem], *, at: datetime) -> int:
    """Store the next items and return their number; after the last one, store the total and delete the file."""
    with audited_transaction("job split into items", by=None, at=at):
        next_items = list(islice(items, ITEMS_PER_STEP))
        JobItem.objects.bulk_create(next_items)
        job.state = JobState.RUNNING
        job.started_at = job.started_at or at
        job.split_tries = 0
        if len(next_items) < ITEMS_PER_STEP:
            job.total = job.items.count()
            JobPart.objects.filter(job=job).delete()
        job.save(update_fields=["state", "started_at", "split_tries", "total"])
    return len(next_items)


def _give_up(job: Job, error: Exception, *, at: datetime) -> None:
    """Fail a job that can't be split, with the reason. None of its items ever runs."""
    if not isinstance(error, SplitFailed):
        _log.exception("job %s cannot be split", job.pk)
    job.state, job.finished_at = JobState.FAILED, at
    job.error = storable_error_text(
        str(error) if isinstance(error, SplitFailed) else f"{type(error).__name__}: {error}"
    )
    with audited_transaction("job could not be split", by=None, at=at):
        job.save(update_fields=["state", "finished_at", "error"])
    JobPart.objects.filter(job=job).delete()
