"""Progress and pace of jobs, read by one query for any number of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from billing.models import Job, JobItem
from billing.models.jobs import ItemState, JobState

LOOKBACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """
    Number of items by state. total: None while the job is being split; `waiting` then counts the items stored so far.
    """

    total: int | None
    done: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def percent(self) -> int:
        """Return the share of items that are done or failed, in whole percent."""
        if self.total is None:
            return 0
        return (self.done + self.failed) * 100 // self.total if self.total else 100


@dataclass(frozen=True, slots=True)
class JobPace:
    """Items processed per minute in the last minutes, and when the job will finish at this pace."""

    items_per_minute: int
    ends_at: datetime


def estimate_pace(job: Job, progress: JobProgress, *, at: datetime) -> JobPace | None:
    """Return a job's pace over the last `LOOKBACK`; None if no item finished in that time."""
    since = max(job.started_at or at, at - LOOKBACK)
    done = job.items.filter(finished_at__gt=since).count() if progress.total and since < at else 0
    if not done or progress.total is None:
        return None
    per_item = (at - since) / done
    left = progress.total - progress.done - progress.failed
    return JobPace(round(timedelta(minutes=1) / per_item), at + left * per_item)


def read_job_progress(jobs: Iterable[Job]) -> Mapping[int, JobProgress]:
    """Return the progress of each job; finished jobs carry their own totals and need no query."""
    jobs = list(jobs)
    counts: dict[int, dict[str, int]] = {job.pk: {} for job in jobs if not _is_finished(job)}
    if counts:
        rows = JobItem.objects.filter(job__in=counts).values_list("job", "state").annotate(Count("pk")).order_by()
        for job_id, state, count in rows:
            counts[job_id][state] = count
    return {
        job.pk: _stored_progress(job) if _is_finished(job) else _counted_progress(job, counts[job.pk]) for job in jobs
    }


def _is_finished(job: Job) -> bool:
    return job.state in (JobState.DONE, JobState.FAILED)


def _stored_progress(job: Job) -> JobProgress:
    return JobProgress(job.total, (job.total or 0) - job.failed, job.failed)


def _counted_progress(job: Job, counts: Mapping[str, int]) -> JobProgress:
    done, failed, waiting = (counts.get(state, 0) for state in (ItemState.DONE, ItemState.FAILED, ItemState.WAITING))
    return JobProgress(job.total, done, failed, waiting)
