"""Operators' controls of a job: pause, resume, cancel, retry failed items, and run a finished dry run for real."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.models import Job, JobPart
from billing.models.jobs import OPEN_STATES, ItemState, JobState
from lib.audit_log import audited_transaction


class JobControlRefused(ValueError):
    """The job's state doesn't allow this; the text names the state."""


def pause(*, job_id: int, by: User | None, at: datetime) -> Job:
    """Stop workers from starting further items. An item in progress is completed."""
    with _lock_job(job_id, OPEN_STATES, "job paused", by=by, at=at) as job:
        job.state = JobState.PAUSED
    return job


def resume(*, job_id: int, by: User | None, at: datetime) -> Job:
    """Resume a paused job."""
    with _lock_job(job_id, (JobState.PAUSED,), "job resumed", by=by, at=at) as job:
        job.state = JobState.QUEUED if job.started_at is None else JobState.RUNNING
    return job


def cancel(*, job_id: int, by: User | None, at: datetime) -> Job:
    """Cancel a job: completed items keep their effects, and waiting items never start."""
    with _lock_job(job_id, (*OPEN_STATES, JobState.PAUSED), "job canceled", by=by, at=at) as job:
        job.state, job.finished_at = JobState.CANCELED, at
        JobPart.objects.filter(job=job).delete()
    return job


def retry_failed(*, job_id: int, by: User | None, at: datetime) -> Job:
    """Queue the failed items of a failed job again, and no others."""
    with _lock_job(job_id, (JobState.FAILED,), "failed items tried again", by=by, at=at) as job:
        _require_split(job)
        _require_content(job)
        failed = job.items.filter(state=ItemState.FAILED)
        failed.update(state=ItemState.WAITING, tries=0, begun_at=None, finished_at=None)
        _run_again(job)
    return job


def do_for_real(*, job_id: int, by: User | None, at: datetime) -> Job:
    """
    Process the items of a finished dry run for real, from the first one.

    The findings and figures of the dry run are cleared; later ones describe what the items did.
    """
    with _lock_job(job_id, (JobState.DONE, JobState.FAILED), "done for real", by=by, at=at) as job:
        _require_split(job)
        if not job.dry_run:
            raise JobControlRefused(_("The job was already run for real."))
        _require_content(job)
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


def _require_split(job: Job) -> None:
    if job.total is None:
        raise JobControlRefused(_("The job failed to start: %(error)s Start another one.") % {"error": job.error})


def _require_content(job: Job) -> None:
    if job.cleared_at is not None:
        raise JobControlRefused(_("The job's items were deleted after its retention period. Start a new job."))


def _run_again(job: Job) -> None:
    job.state, job.finished_at, job.failed, job.figures = JobState.RUNNING, None, 0, {}


@contextmanager
def _lock_job(
    job_id: int, states: tuple[JobState, ...], action: str, *, by: User | None, at: datetime
) -> Iterator[Job]:
    """Lock a job that is in one of `states`, and store the changes that the block makes."""
    with audited_transaction(action, by=by, at=at):
        # Row lock: two operators' actions, or an action and a worker that completes the job, happen one after the
        # other.
        job = Job.objects.select_for_update().get(pk=job_id)
        if job.state not in states:
            raise JobControlRefused(_("The job is already %(state)s.") % {"state": job.get_state_display()})
        yield job
        job.save(update_fields=["state", "dry_run", "failed", "figures", "finished_at"])
