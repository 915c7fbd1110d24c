"""Jobs: the list, progress, results, and the operators' controls."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from billing.admin.audit import audit_job
from billing.admin.closing import invoice_run, pdf_archives
from billing.admin.jobs.job_display import facts_of
from billing.admin.jobs.worker_wakeup import wake
from billing.admin.metering import imports
from billing.admin.subscriptions import bulk_grants
from billing.job_kinds import KINDS
from billing.jobs import controls
from billing.jobs.progress import JobProgress, read_job_progress
from billing.jobs.results import job_result_rows
from billing.models import Job
from billing.models.jobs import JobKind
from billing.subscriptions.bulk_grants.act import RunPromotion
from lib.admin import Preview, ReadOnlyAdmin, Response, is_allowed, require
from lib.admin.columns import display, state_column
from lib.admin.seller_restriction import OF_ALL_SELLERS
from lib.csv_export import csv_download
from lib.formats import format_number

EXPORTS = "billing.view_exportbatch"
COLORS = {"queued": "info", "running": "info", "paused": "warning", "done": "success", "failed": "danger"}
CONFIRMATIONS = {
    "pause": _("Paused. Items in progress are finished."),
    "resume": _("Resumed."),
    "cancel": _("Canceled. Finished items stay as they are."),
    "retry_failed": _("Retrying the failed items."),
    "do_for_real": _("Started. This page shows the progress."),
}


class SteerJob(ApprovableAction[Job]):
    """Apply a control to the job; only canceling asks for confirmation first."""

    verb = _("Cancel job")
    permission = "billing.view_job"
    danger = True
    refusals = (controls.JobControlRefused,)

    def find(self, *, job_id: int, how: str) -> Job:
        self.how = how
        job: Job = self.page.find(self.request, str(job_id))
        if how not in CONFIRMATIONS:
            raise Http404(f"There is no job control {how}.")
        require(self.request, KINDS[job.kind].permission)
        return job

    def preview(self, job: Job) -> Preview:
        return Preview(
            title=gettext("Cancel %(job)s") % {"job": job},
            consequences=[
                gettext("Finished items stay as they are."),
                gettext("The other items are not started, and the job can't be resumed."),
            ],
            problems=[gettext("The job is already %(state)s.") % {"state": job.get_state_display()}]
            if job.has_ended
            else [],
        )

    def act(self, job: Job) -> Act[Job]:
        return RunPromotion(job_id=job.pk)

    def run(self, job: Job) -> Response:
        if self.how == "do_for_real" and job.kind == JobKind.PROMOTION:
            return super().run(job)
        return self.report(job, getattr(controls, self.how)(job_id=job.pk, by=self.user, at=timezone.now()))

    def report(self, job: Job, outcome: Job) -> Response:
        wake(self.request)
        return self.done(CONFIRMATIONS[self.how])

    def refuse(self, text: str, field: str | None = None) -> None:
        messages.error(self.request, text)

    def show(self) -> HttpResponseBase:
        asks = self.how == "cancel" and self.request.method != "POST"
        return super().show() if asks else self.go()


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs are created by the pages that start them."""

    seller_paths = OF_ALL_SELLERS
    list_display = ("title", "kind_shown", "state_shown", "progress_shown", "by", "created_at")
    list_filter = ("state", "kind", "dry_run")
    list_select_related = ("by",)
    search_fields = ("title",)
    actions_list = ("close_due", "import_usage", "grant_promotions")
    has_form = False
    change_form_outer_before_template = "staff/jobs/job.html"
    further_pages = (
        ("<int:job_id>/progress/", "progress", "billing_job_progress"),
        ("<int:job_id>/result/", "result", "billing_job_result"),
        ("<int:job_id>/refused/", imports.refused, "billing_job_refused"),
        ("audit/", audit_job.start, "billing_job_audit"),
        ("<int:job_id>/print/", pdf_archives.render_run, "billing_job_print"),
        ("<int:job_id>/files/<int:part>/", pdf_archives.archive, "billing_job_files"),
        ("<int:job_id>/steer/<slug:how>/", "steer", "billing_job_steer"),
    )

    steer = SteerJob.as_action()
    close_due = invoice_run.StartInvoiceRun.as_action()
    import_usage = imports.ImportUsage.as_action()
    grant_promotions = bulk_grants.GrantFromTable.as_action()

    empty_text = _("Invoice runs, imports, and other work on many rows appear here with their progress.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the jobs that the user may see: the findings of an export are amounts of revenue."""
        jobs: QuerySet[Job] = super().get_queryset(request)
        return jobs if request.user.has_perm(EXPORTS) else jobs.exclude(kind=JobKind.EXPORT)

    state_shown = state_column(COLORS)

    @display(description=_("Kind"), ordering="kind")
    def kind_shown(self, job: Job) -> str:
        kind = job.get_kind_display()
        return gettext("%(kind)s, dry run") % {"kind": kind} if job.dry_run else kind

    @display(description=_("Progress"))
    def progress_shown(self, job: Job) -> str:
        progress = _progress(job)
        if progress.total is None:
            return gettext("not started") if job.is_open else ""
        counts = {"count": format_number(progress.done + progress.failed), "total": format_number(progress.total)}
        processed = gettext("%(count)s of %(total)s") % counts
        if not job.is_open:
            return processed
        return format_html(
            '<progress class="bar" max="100" value="{}" aria-hidden="true"></progress>{}', progress.percent, processed
        )

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        progress_by_job = read_job_progress(rows)
        for job in rows:
            job.progress = progress_by_job[job.pk]

    # The page of a job ---------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, job: Job) -> dict[str, Any]:
        return {"title": job.title, **self._facts(request, job)}

    def progress(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Return the part of the page that changes; once the job's state has changed, reload the whole page."""
        job = self.find(request, str(job_id))
        answer = TemplateResponse(request, "staff/jobs/job_progress.html", self._facts(request, job))
        if request.GET.get("state") != job.state:
            answer["HX-Refresh"] = "true"
        return answer

    def _facts(self, request: HttpRequest, job: Job) -> dict[str, Any]:
        may_print = request.user.has_perm(pdf_archives.PRINT)
        return {
            "may_steer": is_allowed(request, KINDS[job.kind].permission),
            "may_print": may_print,
            **facts_of(job, at=timezone.now()),
        }

    def result(self, request: HttpRequest, job_id: int) -> StreamingHttpResponse:
        job = self.find(request, str(job_id))
        return csv_download(job_result_rows(job, KINDS[job.kind]), file_name=f"job-{job.pk}.csv")


def _progress(job: Job) -> JobProgress:
    return getattr(job, "progress", None) or read_job_progress([job])[job.pk]
