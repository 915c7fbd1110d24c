"""How far jobs are, in one question for all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from billing.models import Job, JobItem
from billing.models.jobs import ItemState, JobState

LOOKBACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Items by what became of them. total: None until all are cut, and `waiting` are those cut so far then."""

    total: int | None
    done: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def percent(self) -> int:
        """How much of the work is behind us, whether it came to something or not."""
        if self.total is None:
            return 0
        return (self.done + self.failed) * 100 // self.total if self.total else 100


@dataclass(frozen=True, slots=True)
class JobPace:
    """How many items a minute were done of late, and when the rest will be, if it goes on like this."""

    items_per_minute: int
    ends_at: datetime


def estimate_pace(job: Job, progress: JobProgress, *, at: datetime) -> JobPace | None:
    """Return how fast a job is under way: by the items of the last minutes; None where nothing tells."""
    since = max(job.started_at or at, at - LOOKBACK)
    done = job.items.filter(finished_at__gt=since).count() if progress.total and since < at else 0
    if not done or progress.total is None:
        return None
    per_item = (at - since) / done
    left = progress.total - progress.done - progress.failed
    return JobPace(round(timedelta(minutes=1) / per_item), at + left * per_item)


def read_job_progress(jobs: Iterable[Job]) -> Mapping[int, JobProgress]:
    """Return how far each of these jobs is; those that ended with all their items say so themselves."""
    jobs = list(jobs)
    counts: dict[int, dict[str, int]] = {one.pk: {} for one in jobs if not _is_told(one)}
    if counts:
        rows = JobItem.objects.filter(job__in=counts).values_list("job", "state").annotate(Count("pk")).order_by()
        for job_id, state, count in rows:
            counts[job_id][state] = count
    return {one.pk: _told(one) if _is_told(one) else _counted(one, counts[one.pk]) for one in jobs}


def _is_told(job: Job) -> bool:
    return job.state in (JobState.DONE, JobState.FAILED)


def _told(job: Job) -> JobProgress:
    return JobProgress(job.total, (job.total or 0) - job.failed, job.failed)


def _counted(job: Job, counts: Mapping[str, int]) -> JobProgress:
    done, failed, waiting = (counts.get(state, 0) for state in (ItemState.DONE, ItemState.FAILED, ItemState.WAITING))
    return JobProgress(job.total, done, failed, waiting)
