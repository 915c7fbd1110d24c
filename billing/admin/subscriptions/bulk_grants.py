"""Grant credits from a table: the page that accepts it, and the context of its job page."""

from itertools import chain, islice
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from billing.admin.jobs.worker_wakeup import wake
from billing.models import Job
from billing.subscriptions.bulk_grants.job import PROMOTION, start_promotion
from lib.formats import format_number
from lib.tabular_files import FileRefused

GRANT = PROMOTION.permission
MAX_SHOWN = 20


class PromotionForm(forms.Form):
    """A table of grants."""

    file = forms.FileField(label="File", widget=UnfoldAdminFileFieldWidget)
    sandbox = forms.BooleanField(label="To sandbox customers", required=False, widget=UnfoldBooleanSwitchWidget)


def page(request: HttpRequest) -> HttpResponse:
    """Accept a table; its job runs dry first, and grants nothing until an operator has seen the result."""
    if not request.user.has_perm(GRANT):
        raise PermissionDenied
    form = PromotionForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, sandbox = form.cleaned_data["file"], form.cleaned_data["sandbox"]
        try:
            source = {"file": file, "file_name": file.name, "sandbox": sandbox}
            job = start_promotion(**source, by=request.user, at=timezone.now())
        except FileRefused as refusal:
            form.add_error("file", str(refusal))
        else:
            wake(request)
            return HttpResponseRedirect(reverse("admin:billing_job_change", args=[job.pk]))
    context = {
        **admin.site.each_context(request),
        "title": "Grant credits from a table",
        "form": form,
        "back": reverse("admin:billing_job_changelist"),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "staff/subscriptions/bulk_grants.html", context)


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
