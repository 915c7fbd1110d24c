"""Usage import: the page that accepts a file, the context of its job page, and the refused rows."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from billing.admin.jobs.worker_wakeup import JobStartPage
from billing.jobs.results import first_findings
from billing.metering.imports import ImportFileRefused, detect_format
from billing.metering.imports.job import UNMATCHED, USAGE_IMPORT, start_import
from billing.metering.imports.refused_rows import refused_rows, refused_rows_format
from billing.metering.imports.row_conversion import FIELDS
from billing.models import Job
from billing.models.jobs import MAX_FILE_BYTES, JobKind, JobState
from billing.models.unmatched_usage import UnmatchedReason
from lib.admin import StaffForm, require
from lib.formats import format_number

IMPORT = USAGE_IMPORT.permission
# Refused rows on the page; the job's file has all of them.
MAX_SHOWN = 20


class ImportForm(StaffForm):
    """A file of usage, and how to read its columns."""

    file = forms.FileField(label=_("File"))
    format = forms.ChoiceField(
        label=_("Format"),
        required=False,
        choices=[("", _("from the file name")), ("csv", "CSV"), ("jsonl", "JSON Lines"), ("parquet", "Parquet")],
    )
    columns = forms.CharField(
        label=_("Column mapping"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "account = customer\nnote = -"}),
        help_text=format_lazy(
            _("“column = field”, one per line; “-” skips a column. Fields: {fields}, and properties.NAME."),
            fields=", ".join(FIELDS[:-1]),
        ),
    )
    id_from = forms.CharField(
        label=_("Build IDs from"),
        required=False,
        help_text=_("Only for rows without an ID: the columns that together identify a row."),
    )
    sandbox = forms.BooleanField(label=_("Events of sandbox customers"), required=False)

    def clean_columns(self) -> dict[str, str]:
        names = {}
        for line in filter(None, map(str.strip, self.cleaned_data["columns"].splitlines())):
            column, equals, field = (part.strip() for part in line.rpartition("="))
            if not equals or not column or not field:
                text = gettext("“%(line)s”: enter “column = field”, such as “account = customer”.")
                raise forms.ValidationError(text % {"line": line})
            names[column] = field
        return names

    def clean_id_from(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["id_from"].split(",") if name.strip()]


class ImportUsage(JobStartPage):
    """Accept a file; its job begins with a dry run and imports nothing until an operator confirms."""

    label = title = _("Import usage")
    icon = "upload_file"
    permission = IMPORT
    form_class = ImportForm
    refusals = (ImportFileRefused,)
    refusal_field = "file"
    template = "staff/metering/import_usage.html"

    def start(self) -> Job:
        chosen = self.choices
        return start_import(
            file=chosen["file"],
            file_name=chosen["file"].name,
            format_=chosen["format"] or detect_format(chosen["file"].name),
            names=chosen["columns"],
            id_from=chosen["id_from"],
            sandbox=chosen["sandbox"],
            by=self.user,
            at=timezone.now(),
        )

    def context(self) -> dict[str, Any]:
        return {"megabytes": MAX_FILE_BYTES // 1024 // 1024}


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the template context of an import's job page: row counts by outcome, and the refused rows."""
    counted = {
        name: figures.get(name, 0) for name in ("rows", "accepted", "duplicate", "conflict", "refused", "floats")
    }
    unmatched = {
        UnmatchedReason(name.removeprefix(UNMATCHED)).label: count
        for name, count in figures.items()
        if name.startswith(UNMATCHED)
    }
    refused = counted["refused"] + counted["conflict"]
    return {
        "counted": counted,
        "unmatched": unmatched,
        "unmatched_events": sum(unmatched.values()),
        "refused": refused,
        "findings": first_findings(job, count=MAX_SHOWN) if refused else (),
        "verb": ngettext("Import %(count)s event", "Import %(count)s events", counted["accepted"])
        % {"count": format_number(counted["accepted"])}
        if counted["accepted"]
        else "",
        "before": _imported_before(job),
    }


def _imported_before(job: Job) -> Job | None:
    """Return an earlier job that imported the same file."""
    same = Job.objects.filter(kind=JobKind.USAGE_IMPORT, file_sha256=job.file_sha256, dry_run=False, pk__lt=job.pk)
    return same.exclude(state=JobState.CANCELED).order_by("-pk").first()


def refused(request: HttpRequest, job_id: int) -> StreamingHttpResponse:
    """Send the refused rows as a file to correct, to users who may import."""
    require(request, IMPORT)
    job = Job.objects.filter(pk=job_id, kind=JobKind.USAGE_IMPORT).first()
    if job is None:
        raise Http404(f"There is no import {job_id}.")
    ending = refused_rows_format(job)
    return StreamingHttpResponse(
        refused_rows(job),
        content_type="text/csv; charset=utf-8" if ending == "csv" else "application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="refused-{job.pk}.{ending}"'},
    )
