"""The audit as a job: the button that starts it, and its findings."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from billing.admin.jobs.worker_wakeup import wake
from billing.audit.job import AUDIT, start_audit
from billing.jobs.results import first_findings
from billing.models import Job
from lib.admin import page_url, require, staff_user

# Findings on the page; the job's file has all of them.
MAX_SHOWN = 50


def start(request: HttpRequest) -> HttpResponse:
    """Start an audit, and go on to its job page, or back to the page of this site that `next` names."""
    require(request, AUDIT.permission)
    if request.method != "POST":
        raise Http404("An audit is started by a button.")
    job = start_audit(by=staff_user(request), at=timezone.now())
    wake(request)
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        text = gettext("The audit has started. Its result appears in the checklist.")
        messages.info(request, format_html('{} <a href="{}">{}</a>', text, page_url(job), gettext("Watch it")))
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(page_url(job))


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the template context of an audit's job page: numbers of checks and violations, and the violations."""
    findings = first_findings(job, count=MAX_SHOWN) if figures.get("violated") else ()
    return {"counted": figures, "findings": findings}
