"""What the page of a job tells: how far it is, what it counted, what failed, what was found."""

from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet

from billing.admin.audit import audit_job
from billing.admin.closing import invoice_run, pdf_archives
from billing.admin.metering import imports
from billing.admin.simulation import simulation_job
from billing.admin.subscriptions import bulk_grants
from billing.jobs.completion import sum_figures
from billing.jobs.progress import estimate_pace, read_job_progress
from billing.models import Job, JobItem
from billing.models.jobs import ItemState, JobKind, JobState

MOST_SHOWN = 20
FRESH_SECONDS = 2
"""How old figures of a job under way may be: any number of people may watch it, and one question is asked for all."""

TOLD_BY = {
    JobKind.USAGE_IMPORT: imports.told,
    JobKind.PROMOTION: bulk_grants.told,
    JobKind.CLOSE_RUN: invoice_run.told,
    JobKind.RENDERING: pdf_archives.told,
    JobKind.AUDIT: audit_job.told,
    JobKind.SIMULATION: simulation_job.told,
}
"""Kind → what its page says beside what all have, from the job and its figures; a kind may do without."""


def facts_of(job: Job, *, at: datetime) -> dict[str, Any]:
    """Return what the page of a job shows."""
    far = read_job_progress([job])[job.pk]
    figures = _figures(job)
    return {
        "job": job,
        "far": far,
        "passed": far.done + far.failed,
        "pace": estimate_pace(job, far, at=at) if job.is_open else None,
        "failed_items": _failed_as_a_whole(job) if far.failed else (),
        "may": _ways(job),
        **TOLD_BY.get(JobKind(job.kind), _plainly)(job, figures),
    }


def _failed_as_a_whole(job: Job) -> QuerySet[JobItem]:
    """Return the first items that failed and found nothing; what others have found says why they did."""
    return job.items.filter(state=ItemState.FAILED, findings=[]).order_by("number")[:MOST_SHOWN]


def _plainly(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the figures as the items count them, and a button that does for real what was tried."""
    return {"counted_in": "staff/jobs/job_counted.html", "counted": figures, "verb": "Do it for real"}


def _figures(job: Job) -> dict[str, int]:
    """Return what a job's items counted so far; a job that did all of them says so itself."""
    if job.state in (JobState.DONE, JobState.FAILED):
        return job.figures
    if not job.is_open:
        return sum_figures([job.pk])[job.pk]
    return cache.get_or_set(f"staff:job:{job.pk}", lambda: sum_figures([job.pk])[job.pk], FRESH_SECONDS)


def _ways(job: Job) -> set[str]:
    """Return what may be done with a job as it is, as `steering` calls it."""
    is_over = job.state in (JobState.DONE, JobState.FAILED) and job.total is not None and job.forgotten_at is None
    ways = {
        "pause": job.is_open,
        "resume": job.state == JobState.PAUSED,
        "cancel": not job.has_ended,
        "retry_failed": is_over and job.failed > 0,
        "do_for_real": is_over and job.dry_run,
    }
    return {way for way, is_open in ways.items() if is_open}
