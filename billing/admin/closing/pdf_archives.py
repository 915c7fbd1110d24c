"""PDFs of many invoices: jobs that render missing ones, the reasons of failures, and the archives."""

from collections import Counter
from itertools import chain
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.admin.jobs.worker_wakeup import wake
from billing.closing.pdf_archives import selection
from billing.closing.pdf_archives.archives import count_archives, stream_archive
from billing.closing.pdf_archives.job import RENDERING, start_rendering
from billing.models import Job
from billing.models.jobs import JobKind
from lib.admin import page_url, require, staff_user

PRINT = RENDERING.permission
SEE = "invoices.view_invoice"
MAX_REASONS = 20
# Items whose reasons are read: enough to find the common ones of a large run.
MAX_ITEMS = 1_000


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the template context of a rendering job's page: failures by reason, and the archives."""
    return {
        "counted": figures,
        "findings": _reasons(job) if figures.get("failed") else (),
        "parts": range(1, count_archives(job.parameters) + 1) if job.has_ended else (),
    }


def _reasons(job: Job) -> list[tuple[str, int, str]]:
    """Return (reason, count, example) for the first thousand failures, the most frequent first."""
    findings = job.items.exclude(findings=[]).order_by("number").values_list("findings", flat=True)[:MAX_ITEMS]
    counted = Counter[str]()
    examples: dict[str, str] = {}
    for finding in chain.from_iterable(findings):
        counted[finding["why"]] += 1
        examples.setdefault(finding["why"], finding["document"])
    return [(why, count, examples[why]) for why, count in counted.most_common(MAX_REASONS)]


def start(request: HttpRequest, *, selected: dict[str, Any], title: str) -> HttpResponse:
    """Start a job that renders the missing PDFs of the selected invoices, and redirect to it."""
    require(request, PRINT)
    job = start_rendering(selection=selected, title=title, by=staff_user(request), at=timezone.now())
    wake(request)
    return HttpResponseRedirect(page_url(job))


def render_run(request: HttpRequest, job_id: int) -> HttpResponse:
    """Render the PDFs of the invoices that an invoice run issued."""
    run = Job.objects.filter(pk=job_id, kind=JobKind.CLOSE_RUN).first()
    if run is None or request.method != "POST":
        raise Http404(f"There is no invoice run {job_id}.")
    return start(
        request,
        selected=selection.select_run(run),
        title=_("PDFs of job %(number)s: %(job)s") % {"number": run.pk, "job": run},
    )


def archive(request: HttpRequest, job_id: int, part: int) -> StreamingHttpResponse:
    """Send an archive of the job's invoice files."""
    require(request, SEE)
    job = Job.objects.filter(pk=job_id, kind=JobKind.RENDERING).first()
    if job is None or not 1 <= part <= count_archives(job.parameters):
        raise Http404(f"Job {job_id} has no files {part}.")
    return StreamingHttpResponse(
        stream_archive(job.parameters, part=part),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="documents-{job.pk}-{part}.zip"'},
    )
