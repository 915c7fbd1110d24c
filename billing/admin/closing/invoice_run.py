"""Invoice run: the page that starts one, and the context of its job page."""

from datetime import datetime
from itertools import chain, islice
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from billing.admin.jobs.worker_wakeup import wake
from billing.closing.invoice_run_job import INVOICE_RUN, InvoiceRunRefused, amounts_by_currency, start_invoice_run
from billing.models import Job
from customers.models import Seller
from lib.admin import StaffForm, page_url, require, staff_page, staff_user
from lib.formats import format_money, format_number

CLOSE = INVOICE_RUN.permission
# Findings on the page; the job's file has all of them.
MAX_SHOWN = 20


class CloseRunForm(StaffForm):
    """The seller whose periods are closed, and the time by which they are due."""

    seller = forms.ModelChoiceField(Seller.objects.order_by("legal_name"), required=False, empty_label="all sellers")
    until = forms.SplitDateTimeField(
        label="Due by (UTC)",
        required=False,
        help_text="Periods that are over, and whose seller's grace has passed by then. Empty: by now.",
    )

    def until_or(self, at: datetime) -> datetime:
        return self.cleaned_data["until"] or at


def page(request: HttpRequest) -> HttpResponse:
    """Start an invoice run or a dry run of one."""
    require(request, CLOSE)
    form = CloseRunForm(request.POST or None, initial={"seller": request.GET.get("seller")})
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        parameters = {
            "seller": form.cleaned_data["seller"],
            "until": form.until_or(at),
            "dry_run": "_try" in request.POST,
        }
        try:
            job = start_invoice_run(**parameters, by=staff_user(request), at=at)
        except InvoiceRunRefused as refusal:
            form.add_error("until", str(refusal))
        else:
            wake(request)
            return HttpResponseRedirect(page_url(job))
    return staff_page(
        request,
        "staff/closing/invoice_run.html",
        title="Close what is due",
        form=form,
        media=form.media,
        back=reverse("admin:closing"),
    )


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """
    Return the template context of a run's job page: invoices issued, their amounts, and the periods left with
    reasons.
    """
    amounts = [format_money(amount, currency) for currency, amount in sorted(amounts_by_currency(figures).items())]
    findings_with_left = job.items.filter(figures__left__gt=0).order_by("number").values_list("findings", flat=True)
    rows = chain.from_iterable(findings_with_left[:MAX_SHOWN]) if figures.get("left") else ()
    invoices = figures.get("invoices", 0)
    return {
        "counted_in": "staff/jobs/job_close_run_counted.html",
        "told_in": "staff/jobs/job_close_run.html",
        "counted": {name.replace(" ", "_"): count for name, count in figures.items()},
        "amounts": amounts,
        "findings": list(islice((row for row in rows if row["why"]), MAX_SHOWN)),
        "verb": f"Close, and issue {format_number(invoices)} invoices" if figures.get("periods") else "",
    }
