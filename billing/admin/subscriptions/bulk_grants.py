"""Grant credits from a table: the page that accepts it, and the context of its job page."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.admin.jobs.worker_wakeup import JobStartPage
from billing.jobs.results import first_findings
from billing.models import Job
from billing.subscriptions.bulk_grants.job import PROMOTION, start_promotion
from lib.admin import StaffForm
from lib.formats import format_number
from lib.tabular_files import FileRefused

GRANT = PROMOTION.permission
MAX_SHOWN = 20


class PromotionForm(StaffForm):
    """A table of grants."""

    file = forms.FileField(label=_("File"))
    sandbox = forms.BooleanField(label=_("Sandbox customers"), required=False)


class GrantFromTable(JobStartPage):
    """Accept a table; its job begins with a dry run and grants nothing until an operator confirms."""

    label = title = _("Grant credits from a table")
    icon = "redeem"
    permission = GRANT
    form_class = PromotionForm
    refusals = (FileRefused,)
    refusal_field = "file"
    template = "staff/subscriptions/bulk_grants.html"

    def start(self) -> Job:
        return start_promotion(**self.choices, file_name=self.choices["file"].name, by=self.user, at=timezone.now())


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """Return the template context of such a job's page: row counts by outcome, and the errors of refused rows."""
    counted = {name: figures.get(name, 0) for name in ("rows", "granted", "before", "refused")}
    return {
        "counted": counted,
        "findings": first_findings(job, count=MAX_SHOWN) if counted["refused"] else (),
        "verb": ngettext("Create %(count)s grant", "Create %(count)s grants", counted["granted"])
        % {"count": format_number(counted["granted"])}
        if counted["granted"]
        else "",
    }
