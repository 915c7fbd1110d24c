"""GET /api/v1/jobs/{number}: the progress and figures of a job, and its result file."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.metering.event_schemas import JOB_ANSWER
from billing.job_kinds import KINDS
from billing.jobs.completion import sum_figures
from billing.jobs.progress import read_job_progress
from billing.jobs.results import job_result_rows
from billing.models import Job
from billing.models.jobs import JobState
from lib.api.operations import get
from lib.api.problems import Problem
from lib.api.views import ApiView
from lib.csv_export import csv_download


class Jobs(ApiView[Any]):
    """Jobs of every kind: imports, grants, invoice runs, PDFs, audits."""

    def get_object(self) -> Job:
        """
        Return the job in the URL if the caller may see it: jobs of the sandbox say so in their parameters.

        :raises Problem: `not-found` otherwise.
        """
        number = self.kwargs["number"]
        job = Job.objects.filter(pk=number).first()
        parameters: dict[str, Any] = job.parameters if job else {}
        if job is None or bool(parameters.get("sandbox")) is not self.caller.sandbox:
            raise Problem("not-found", f"There is no job {number}.")
        return job

    @get(
        "read_job",
        "How far a job is, and what came of it",
        "`figures` are what its items counted so far; which ones follows from `kind`.",
        response=JOB_ANSWER,
    )
    def read(self, request: Request, number: int) -> Response:
        job = self.get_object()
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

    @get(
        "download_job_result",
        "Download what came of a job as CSV",
        "A row for each finding, and for each item that failed. May be read while the job goes on.",
        response={(200, "text/csv"): OpenApiTypes.STR},
    )
    def download(self, request: Request, number: int) -> StreamingHttpResponse:
        job = self.get_object()
        return csv_download(job_result_rows(job, KINDS[job.kind]), file_name=f"job-{job.pk}.csv")
