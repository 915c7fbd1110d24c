"""GET /api/v1/jobs/{number}: the progress and figures of a job, and its result file."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request

from billing.job_kinds import KINDS
from billing.jobs.completion import sum_figures
from billing.jobs.progress import read_job_progress
from billing.jobs.results import job_result_rows
from billing.models import Job
from billing.models.jobs import JobKind, JobState
from lib.api.fields import InstantField
from lib.api.operations import get
from lib.api.problems import Problem
from lib.api.views import ApiView
from lib.csv_export import csv_download


class JobSerializer(serializers.Serializer[dict[str, Any]]):
    """A job with its progress and figures."""

    number = serializers.IntegerField(source="job.pk")
    kind = serializers.CharField(source="job.kind")
    title = serializers.CharField(source="job.title")
    state = serializers.ChoiceField(
        JobState.choices,
        source="job.state",
        help_text="failed: some items failed; the result file gives the reasons.",
    )
    dry_run = serializers.BooleanField(source="job.dry_run", help_text="Whether the job only previews its effects.")
    items = serializers.IntegerField(
        source="progress.total", allow_null=True, help_text="Null until all items are known."
    )
    items_done = serializers.IntegerField(source="progress.done")
    items_failed = serializers.IntegerField(source="progress.failed")
    figures = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="The counts so far. Amounts are named total.CURRENCY, in minor units.",
    )
    error = serializers.CharField(source="job.error", help_text="Why the job could not start; otherwise empty.")
    created_at = InstantField(source="job.created_at")
    started_at = InstantField(source="job.started_at", allow_null=True)
    finished_at = InstantField(source="job.finished_at", allow_null=True)


class Jobs(ApiView[Any]):
    """Jobs of every kind: imports, grants, invoice runs, PDFs, audits."""

    def get_object(self) -> Job:
        """
        Return the job in the URL if the caller may see it: jobs of the sandbox say so in their parameters, and the
        findings of an export are amounts of revenue.

        :raises Problem: `not-found` otherwise.
        """
        number = self.kwargs["number"]
        job = Job.objects.filter(pk=number).first()
        parameters: dict[str, Any] = job.parameters if job else {}
        is_hidden = job is not None and job.kind == JobKind.EXPORT and "revenue:read" not in self.caller.scopes
        if job is None or is_hidden or bool(parameters.get("sandbox")) is not self.caller.sandbox:
            raise Problem("not-found", f"There is no job {number}.")
        return job

    @get(
        "read_job",
        "Read a job's progress and results",
        "`figures` holds the counts of the items processed so far; the names depend on `kind`.",
        response=JobSerializer,
    )
    def read(self, request: Request, number: int) -> dict[str, Any]:
        job = self.get_object()
        is_finished = job.state in (JobState.DONE, JobState.FAILED)
        figures = job.figures if is_finished else sum_figures([job.pk])[job.pk]
        return {"job": job, "progress": read_job_progress([job])[job.pk], "figures": figures}

    @get(
        "download_job_result",
        "Download a job's results as CSV",
        "One row for each finding and each failed item. Can be read while the job is running.",
        response={(200, "text/csv"): OpenApiTypes.STR},
    )
    def download(self, request: Request, number: int) -> StreamingHttpResponse:
        job = self.get_object()
        return csv_download(job_result_rows(job, KINDS[job.kind]), file_name=f"job-{job.pk}.csv")
