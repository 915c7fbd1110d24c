"""What people do with a job: pause it, go on, stop it for good, try again what failed, do for real what was tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from billing.models import Job, JobPart
from billing.models.jobs import OPEN_STATES, ItemState, JobState
from lib.audit_log import audited_transaction

By = AbstractBaseUser | None


class JobControlRefused(ValueError):
    """The job is not in a state for this; says in which one it is."""


def pause(*, job_id: int, by: By, at: datetime) -> Job:
    """Let no worker begin with another item; what is under way is finished."""
    with _held(job_id, OPEN_STATES, "job paused", by=by, at=at) as job:
        job.state = JobState.PAUSED
    return job


def resume(*, job_id: int, by: By, at: datetime) -> Job:
    """Go on with a job that was paused."""
    with _held(job_id, (JobState.PAUSED,), "job resumed", by=by, at=at) as job:
        job.state = JobState.QUEUED if job.started_at is None else JobState.RUNNING
    return job


def cancel(*, job_id: int, by: By, at: datetime) -> Job:
    """Stop a job for good: what is done stays done, what waits is never begun."""
    with _held(job_id, (*OPEN_STATES, JobState.PAUSED), "job canceled", by=by, at=at) as job:
        job.state, job.finished_at = JobState.CANCELED, at
        JobPart.objects.filter(job=job).delete()
    return job


def retry_failed(*, job_id: int, by: By, at: datetime) -> Job:
    """Let what failed be tried again, and nothing else."""
    with _held(job_id, (JobState.FAILED,), "failed items tried again", by=by, at=at) as job:
        _require_begun(job)
        _require_memory(job)
        failed = job.items.filter(state=ItemState.FAILED)
        failed.update(state=ItemState.WAITING, tries=0, begun_at=None, finished_at=None)
        _run_again(job)
    return job


def do_for_real(*, job_id: int, by: By, at: datetime) -> Job:
    """
    Do what was only tried: the same items, from the first one on.

    What they said in the dry run is forgotten; what they say from now on is what they did.
    """
    with _held(job_id, (JobState.DONE, JobState.FAILED), "done for real", by=by, at=at) as job:
        _require_begun(job)
        if not job.dry_run:
            raise JobControlRefused("It was done for real already.")
        _require_memory(job)
        job.items.update(
            state=ItemState.WAITING,
            tries=0,
            error="",
            figures={},
            findings=[],
            begun_at=None,
            finished_at=None,
        )
        job.dry_run = False
        _run_again(job)
    return job


def _require_begun(job: Job) -> None:
    if job.total is None:
        raise JobControlRefused(f"It could not be begun: {job.error} Start another one.")


def _require_memory(job: Job) -> None:
    if job.forgotten_at is not None:
        raise JobControlRefused("It ended so long ago that what it was made of is forgotten: start it anew.")


def _run_again(job: Job) -> None:
    job.state, job.finished_at, job.failed, job.figures = JobState.RUNNING, None, 0, {}


@contextmanager
def _held(job_id: int, states: tuple[JobState, ...], action: str, *, by: By, at: datetime) -> Iterator[Job]:
    """Lock a job that is in one of these states, and store what becomes of it."""
    with audited_transaction(action, by=by, at=at):
        job = Job.objects.select_for_update().get(pk=job_id)
        if job.state not in states:
            raise JobControlRefused(f"The job is {job.get_state_display()} already.")
        yield job
        job.save(update_fields=["state", "dry_run", "failed", "figures", "finished_at"])
