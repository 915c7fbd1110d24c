"""Grant credits from a table: the page that accepts it, and the context of its job page."""

from itertools import chain, islice
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from billing.admin.jobs.worker_wakeup import wake
from billing.models import Job
from billing.subscriptions.bulk_grants.job import PROMOTION, start_promotion
from lib.admin import StaffForm, list_url, page_url, require, staff_page, staff_user
from lib.formats import format_number
from lib.tabular_files import FileRefused

GRANT = PROMOTION.permission
MAX_SHOWN = 20


class PromotionForm(StaffForm):
    """A table of grants."""

    file = forms.FileField(label="File")
    sandbox = forms.BooleanField(label="To sandbox customers", required=False)


def page(request: HttpRequest) -> HttpResponse:
    """Accept a table; its job runs dry first, and grants nothing until an operator has seen the result."""
    require(request, GRANT)
    form = PromotionForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, sandbox = form.cleaned_data["file"], form.cleaned_data["sandbox"]
        try:
            job = start_promotion(
                file=file, file_name=file.name, sandbox=sandbox, by=staff_user(request), at=timezone.now()
            )
        except FileRefused as refusal:
            form.add_error("file", str(refusal))
        else:
            wake(request)
            return HttpResponseRedirect(page_url(job))
    return staff_page(
        request,
        "staff/subscriptions/bulk_grants.html",
        title="Grant credits from a table",
        form=form,
        back=list_url(Job),
    )


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the template context of such a job's page: row counts by outcome, and the errors of refused rows."""
    counted = {name: figures.get(name, 0) for name in ("rows", "granted", "before", "refused")}
    findings = job.items.exclude(findings=[]).order_by("number").values_list("findings", flat=True)[:MAX_SHOWN]
    return {
        "counted_in": "staff/jobs/job_promotion_counted.html",
        "told_in": "staff/jobs/job_promotion.html",
        "counted": counted,
        "findings": list(islice(chain.from_iterable(findings), MAX_SHOWN)) if counted["refused"] else (),
        "verb": f"Grant {format_number(counted['granted'])} lots" if counted["granted"] else "",
    }
