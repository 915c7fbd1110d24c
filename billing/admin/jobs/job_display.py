"""The context of a job's page: progress, figures, failures and findings."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.admin.audit import audit_job
from billing.admin.closing import invoice_run, pdf_archives
from billing.admin.figure_cache import read_cached
from billing.admin.metering import imports
from billing.admin.simulation import simulation_job
from billing.admin.subscriptions import bulk_grants
from billing.closing.invoice_batches import INVOICE_BATCHES, REQUESTED
from billing.jobs.completion import sum_figures
from billing.jobs.progress import estimate_pace, read_job_progress
from billing.jobs.results import first_findings
from billing.jobs.row_batches import REFUSED
from billing.models import Job, JobItem
from billing.models.jobs import ItemState, JobKind, JobState

# Failed items on the page, which refreshes itself; the job's file has all of them.
MAX_SHOWN = 20
FRESH_SECONDS = 2
"""Cache time of a running job's figures: many people may watch it, and one query serves them all."""

CONTEXT_BY_KIND = {
    JobKind.USAGE_IMPORT: imports.job_context,
    JobKind.PROMOTION: bulk_grants.job_context,
    JobKind.CLOSE_RUN: invoice_run.job_context,
    JobKind.RENDERING: pdf_archives.job_context,
    JobKind.AUDIT: audit_job.job_context,
    JobKind.SIMULATION: simulation_job.job_context,
}
"""Kind → the function that adds the context of its templates, from the job and its figures; optional."""

ROW_BATCHES = (JobKind.CUSTOMER_BATCH, *INVOICE_BATCHES)


def facts_of(job: Job, *, at: datetime) -> dict[str, Any]:
    """Return the context of a job's page."""
    progress = read_job_progress([job])[job.pk]
    figures = _figures(job)
    return {
        "job": job,
        "far": progress,
        "passed": progress.done + progress.failed,
        "pace": estimate_pace(job, progress, at=at) if job.is_open else None,
        "failed_items": _failed_without_findings(job) if progress.failed else (),
        "may": _allowed_controls(job),
        **_context_of_kind(job, figures),
    }


def _failed_without_findings(job: Job) -> QuerySet[JobItem]:
    """Return the first failed items without findings; the others' findings give the reason."""
    return job.items.filter(state=ItemState.FAILED, findings=[]).order_by("number")[:MAX_SHOWN]


def _context_of_kind(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the context of the kind's own templates; or else the figures, and a button that runs it for real."""
    if job.kind in ROW_BATCHES:
        return {
            "counted_in": "staff/jobs/job_counted.html",
            "counted": _labeled(figures),
            "result_in": "staff/jobs/job_row_batch.html",
            "refused": first_findings(job, count=MAX_SHOWN) if figures.get(REFUSED) else (),
            "more_refused": max(figures.get(REFUSED, 0) - MAX_SHOWN, 0),
        }
    if (context := CONTEXT_BY_KIND.get(JobKind(job.kind))) is None:
        return {"counted_in": "staff/jobs/job_counted.html", "counted": _labeled(figures), "verb": _("Run for real")}
    own = f"staff/jobs/job_{job.kind}"
    return {"counted_in": f"{own}_counted.html", "result_in": f"{own}.html", **context(job, figures)}


def _labeled(figures: dict[str, int]) -> dict[str, int]:
    """Return the figures of a job on subscriptions or customers by their labels."""
    labels = {
        "possible": _("Possible"),
        "not possible": _("Not possible"),
        "with a warning": _("With warnings"),
        "moved": _("Moved"),
        "upcoming": _("Scheduled"),
        "rolled back": _("Rolled back"),
        "changed": _("Changed"),
        REFUSED: _("Not possible"),
        REQUESTED: _("Waiting for approval"),
        "sent": _("Emails on their way"),
        "started": _("Charges started"),
        "written off": _("Written off"),
    }
    return {labels.get(name, name): count for name, count in figures.items()}


def _figures(job: Job) -> dict[str, int]:
    """Return the figures counted so far; a finished job has them stored."""
    if job.state in (JobState.DONE, JobState.FAILED):
        stored_figures: dict[str, int] = job.figures
        return stored_figures
    if not job.is_open:
        return sum_figures([job.pk])[job.pk]
    return read_cached(f"staff:job:{job.pk}", FRESH_SECONDS, lambda: sum_figures([job.pk])[job.pk])


def _allowed_controls(job: Job) -> set[str]:
    """Return the names of the functions of `controls` that the job's state allows."""
    is_over = job.state in (JobState.DONE, JobState.FAILED) and job.total is not None and job.cleared_at is None
    is_allowed = {
        "pause": job.is_open,
        "resume": job.state == JobState.PAUSED,
        "cancel": not job.has_ended,
        "retry_failed": is_over and job.failed > 0,
        "do_for_real": is_over and job.dry_run,
    }
    return {name for name, allowed in is_allowed.items() if allowed}
