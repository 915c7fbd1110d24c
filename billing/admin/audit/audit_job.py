"""The audit of the books as a job: a button that starts it, and what it found."""

from itertools import chain, islice
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from billing.admin.jobs.worker_wakeup import wake
from billing.audit.job import AUDIT, start_audit
from billing.models import Job

MOST_SHOWN = 50


def start(request: HttpRequest) -> HttpResponse:
    """Start an audit, and show it."""
    if not request.user.has_perm(AUDIT.permission):
        raise PermissionDenied
    if request.method != "POST":
        raise Http404("An audit is started by a button.")
    job = start_audit(by=request.user, at=timezone.now())
    wake(request)
    return HttpResponseRedirect(reverse("admin:billing_job_change", args=[job.pk]))


def told(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return what the page of an audit says: how many promises were looked at, and what breaks which."""
    found = job.items.exclude(findings=[]).order_by("number").values_list("findings", flat=True)[:MOST_SHOWN]
    return {
        "counted_in": "staff/jobs/job_audit_counted.html",
        "told_in": "staff/jobs/job_audit.html",
        "counted": figures,
        "findings": list(islice(chain.from_iterable(found), MOST_SHOWN)) if figures.get("violated") else (),
    }
