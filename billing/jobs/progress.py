"""How far jobs are, in one question for all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from billing.models import Job, JobItem
from billing.models.jobs import ItemState, JobState

LOOKED_BACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Progress:
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
class Pace:
    """How many items a minute were done of late, and when the rest will be, if it goes on like this."""

    a_minute: int
    ends_at: datetime


def pace_of(job: Job, far: Progress, *, at: datetime) -> Pace | None:
    """Return how fast a job is under way: by the items of the last minutes; None where nothing tells."""
    since = max(job.started_at or at, at - LOOKED_BACK)
    done = job.items.filter(finished_at__gt=since).count() if far.total and since < at else 0
    if not done or far.total is None:
        return None
    per_item = (at - since) / done
    left = far.total - far.done - far.failed
    return Pace(round(timedelta(minutes=1) / per_item), at + left * per_item)


def progress_of(jobs: Iterable[Job]) -> Mapping[int, Progress]:
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


def _told(job: Job) -> Progress:
    return Progress(job.total, (job.total or 0) - job.failed, job.failed)


def _counted(job: Job, counts: Mapping[str, int]) -> Progress:
    done, failed, waiting = (counts.get(state, 0) for state in (ItemState.DONE, ItemState.FAILED, ItemState.WAITING))
    return Progress(job.total, done, failed, waiting)
