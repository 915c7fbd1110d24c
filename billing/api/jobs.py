"""GET /api/v1/jobs/{number}: the progress and figures of a job, and its result file."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api.metering.event_schemas import JOB_ANSWER
from billing.job_kinds import KINDS
from billing.jobs.completion import sum_figures
from billing.jobs.progress import read_job_progress
from billing.jobs.results import job_result_rows
from billing.models import Job
from billing.models.jobs import JobState
from lib.api.errors import NotFoundError
from lib.csv_export import csv_lines


class JobView(APIView):
    """Jobs of every kind: imports, grants, invoice runs, PDFs, audits."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="read_job",
        summary="How far a job is, and what came of it",
        description="`figures` are what its items counted so far; which ones follows from `kind`.",
        responses=JOB_ANSWER,
    )
    def get(self, request: Request, number: int) -> Response:
        job = _find(request, number)
        progress = read_job_progress([job])[job.pk]
        is_finished = job.state in (JobState.DONE, JobState.FAILED)
        return Response(
            {
                "number": job.pk,
                "kind": job.kind,
                "title": job.title,
                "state": job.state,
                "dry_run": job.dry_run,
                "items": progress.total,
                "items_done": progress.done,
                "items_failed": progress.failed,
                "figures": job.figures if is_finished else sum_figures([job.pk])[job.pk],
                "error": job.error,
                "created_at": job.created_at,
                "started_at": job.started_at,
                "finished_at": job.finished_at,
            }
        )


class JobResultView(APIView):
    """The findings of a job, row by row, as a file streamed while it is read."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="download_job_result",
        summary="Download what came of a job as CSV",
        description="A row for each finding, and for each item that failed. May be read while the job goes on.",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, number: int) -> StreamingHttpResponse:
        job = _find(request, number)
        disposition = f'attachment; filename="job-{job.pk}.csv"'
        return StreamingHttpResponse(
            csv_lines(job_result_rows(job, KINDS[job.kind])),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": disposition, "Cache-Control": "private, no-store"},
        )


def _find(request: Request, number: int) -> Job:
    """Return a job visible to the caller: jobs of the sandbox say so in their parameters."""
    job = Job.objects.filter(pk=number).first()
    parameters: dict[str, Any] = job.parameters if job else {}
    if job is None or bool(parameters.get("sandbox")) is not request.user.sandbox:
        raise NotFoundError(f"There is no job {number}.")
    return job
