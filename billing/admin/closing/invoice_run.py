"""Invoice run: the page that starts one, and the context of its job page."""

from itertools import chain, islice
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.admin.jobs.worker_wakeup import JobStartPage
from billing.closing.invoice_run_job import INVOICE_RUN, InvoiceRunRefused, amounts_by_currency, start_invoice_run
from billing.models import Job
from customers.models import Seller
from lib.admin import StaffForm
from lib.formats import format_money, format_number

CLOSE = INVOICE_RUN.permission
# Findings on the page; the job's file has all of them.
MAX_SHOWN = 20


class CloseRunForm(StaffForm):
    """The seller whose periods are closed, and the time by which they are due."""

    seller = forms.ModelChoiceField(
        Seller.objects.order_by("legal_name"), label=_("Seller"), required=False, empty_label=_("all sellers")
    )
    until = forms.SplitDateTimeField(
        label=_("Due by (UTC)"),
        required=False,
        help_text=_("Invoices periods whose grace period ends by this time. Leave empty for now."),
    )


class StartInvoiceRun(JobStartPage):
    """Start an invoice run or a dry run of one."""

    label = title = _("Run invoicing now")
    icon = "task_alt"
    permission = CLOSE
    form_class = CloseRunForm
    refusals = (InvoiceRunRefused,)
    refusal_field = "until"
    template = "staff/closing/invoice_run.html"

    def form_arguments(self) -> dict[str, Any]:
        return {"initial": {"seller": self.request.GET.get("seller")}}

    def start(self) -> Job:
        at = timezone.now()
        return start_invoice_run(
            seller=self.choices["seller"],
            until=self.choices["until"] or at,
            dry_run="_try" in self.request.POST,
            by=self.user,
            at=at,
        )

    def context(self) -> dict[str, Any]:
        return {"media": self.form.media, "back": reverse("admin:closing")}


def _issue_verb(invoices: int) -> str:
    text = ngettext("Issue %(count)s invoice", "Issue %(count)s invoices", invoices)
    return text % {"count": format_number(invoices)}


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
        "counted": {name.replace(" ", "_"): count for name, count in figures.items()},
        "amounts": amounts,
        "findings": list(islice((row for row in rows if row["why"]), MAX_SHOWN)),
        "verb": _issue_verb(invoices) if figures.get("periods") else "",
    }
