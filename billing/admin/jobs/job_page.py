"""Jobs: the list, progress, results, and the operators' controls."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

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
from lib.csv_export import csv_lines
from lib.formats import format_number

COLORS = {"queued": "info", "running": "info", "paused": "warning", "done": "success", "failed": "danger"}
CONFIRMATIONS = {
    "pause": "No item is begun any more; what is under way is finished.",
    "resume": "It goes on.",
    "cancel": "It is canceled; what was done stays done.",
    "retry_failed": "What failed is tried again.",
    "do_for_real": "It is done for real now; this page follows it.",
}


@admin.register(Job)
class JobAdmin(ModelAdmin):
    list_display = ("title", "kind_shown", "state_shown", "progress_shown", "by", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter), ("dry_run", BooleanRadioFilter))
    list_select_related = ("by",)
    search_fields = ("title",)
    ordering = ("-pk",)
    actions_list = ("close_due", "import_usage", "grant_promotions")
    change_form_outer_before_template = "staff/jobs/job.html"

    @display(description="What", ordering="kind")
    def kind_shown(self, job: Job) -> str:
        return f"{job.get_kind_display()}, dry run" if job.dry_run else job.get_kind_display()

    @display(description="State", ordering="state", label=COLORS)
    def state_shown(self, job: Job) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @display(description="Progress")
    def progress_shown(self, job: Job) -> str:
        progress = _progress(job)
        if progress.total is None:
            return "not begun" if job.is_open else ""
        processed = f"{format_number(progress.done + progress.failed)} of {format_number(progress.total)}"
        if not job.is_open:
            return processed
        return format_html(
            '<progress class="bar" max="100" value="{}" aria-hidden="true"></progress>{}', progress.percent, processed
        )

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read the progress of all jobs of the page in one query."""
        changelist = super().get_changelist_instance(request)
        progress_by_job = read_job_progress(changelist.result_list)
        for job in changelist.result_list:
            job.progress = progress_by_job[job.pk]
        return changelist

    @action(description="Close what is due", icon="task_alt", permissions=["close"])
    def close_due(self, request: HttpRequest) -> HttpResponse:
        return invoice_run.page(request)

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(invoice_run.CLOSE))

    @action(description="Import usage", icon="upload_file", permissions=["import"])
    def import_usage(self, request: HttpRequest) -> HttpResponse:
        return imports.page(request)

    def has_import_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(imports.IMPORT))

    @action(description="Grant credits from a table", icon="redeem", permissions=["grant"])
    def grant_promotions(self, request: HttpRequest) -> HttpResponse:
        return bulk_grants.page(request)

    def has_grant_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(bulk_grants.GRANT))

    # The page of a job ---------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> list[Any]:
        return []  # the template above the form shows everything

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        shown = {"title": job.title, **self._facts(request, job)} if job else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        return [
            self._page("<int:job_id>/progress/", self.progress, "progress"),
            self._page("<int:job_id>/result/", self.result, "result"),
            self._page("<int:job_id>/refused/", imports.refused, "refused"),
            self._page("audit/", audit_job.start, "audit"),
            self._page("<int:job_id>/print/", pdf_archives.render_run, "print"),
            self._page("<int:job_id>/files/<int:part>/", pdf_archives.archive, "files"),
            self._page("<int:job_id>/steer/<slug:how>/", self.steer, "steer"),
            *super().get_urls(),
        ]

    def _page(self, route: str, view: Any, name: str) -> URLPattern:
        return path(route, self.admin_site.admin_view(view), name=f"billing_job_{name}")

    def progress(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Return the part of the page that changes; once the job's state has changed, reload the whole page."""
        job = self._seen(request, job_id)
        answer = TemplateResponse(request, "staff/jobs/job_progress.html", self._facts(request, job))
        if request.GET.get("state") != job.state:
            answer["HX-Refresh"] = "true"
        return answer

    def _facts(self, request: HttpRequest, job: Job) -> dict[str, Any]:
        may_print = request.user.has_perm(pdf_archives.PRINT)
        return {"may_steer": _may(request, job), "may_print": may_print, **facts_of(job, at=timezone.now())}

    def result(self, request: HttpRequest, job_id: int) -> HttpResponse:
        job = self._seen(request, job_id)
        return StreamingHttpResponse(
            csv_lines(job_result_rows(job, KINDS[job.kind])),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="job-{job.pk}.csv"'},
        )

    def steer(self, request: HttpRequest, job_id: int, how: str) -> HttpResponse:
        """Apply a control to the job; only canceling asks for confirmation first."""
        job = self._seen(request, job_id)
        if how not in CONFIRMATIONS:
            raise Http404(f"Nothing of a job is called {how}.")
        if not _may(request, job):
            raise PermissionDenied
        if request.method != "POST":
            return self._ask_to_cancel(request, job) if how == "cancel" else HttpResponseRedirect(_address(job))
        try:
            getattr(controls, how)(job_id=job.pk, by=request.user, at=timezone.now())
        except controls.JobControlRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, CONFIRMATIONS[how])
            wake(request)
        return HttpResponseRedirect(_address(job))

    def _ask_to_cancel(self, request: HttpRequest, job: Job) -> HttpResponse:
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=job,
            title=f"Cancel {job}",
            consequences=["What was done stays done.", "What waits is never begun: this job cannot be gone on with."],
            problems=[f"It is {job.get_state_display()} already."] if job.has_ended else [],
            verb="Cancel the job",
            danger=True,
        )

    def _seen(self, request: HttpRequest, job_id: int) -> Job:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = Job.objects.select_related("by").filter(pk=job_id).first()
        if job is None:
            raise Http404(f"There is no job {job_id}.")
        return job

    # Jobs are created by the pages that start them ---------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False


def _may(request: HttpRequest, job: Job) -> bool:
    return bool(request.user.has_perm(KINDS[job.kind].permission))


def _address(job: Job) -> str:
    return reverse("admin:billing_job_change", args=[job.pk])


def _progress(job: Job) -> JobProgress:
    return getattr(job, "progress", None) or read_job_progress([job])[job.pk]
