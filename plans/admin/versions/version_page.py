"""The pages of plan versions, where prices are edited."""

from datetime import datetime
from typing import Any

from django.db.models import Manager
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from access.approvals import find_waiting_request
from lib.admin import page_url, staff_user
from lib.admin.columns import column, display, state_column
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.row_form import RowForm
from plans.admin.prices.sheet_table import SheetTable
from plans.admin.versions.billing_thresholds import ThresholdInline
from plans.admin.versions.commitments import CommitmentInline
from plans.admin.versions.comparison import VersionComparison
from plans.admin.versions.features import GrantInline
from plans.admin.versions.fees import FeeInline, format_interval, longer_fees
from plans.admin.versions.included_credits import IncludedCreditsInline
from plans.admin.versions.price_sheet import read_compared_sheet
from plans.admin.versions.timeline import read_steps
from plans.models import PlanVersion
from plans.models.versions import TrialUsage, VersionState
from plans.publishing import publication
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of

STATE_COLORS = {"draft": "info", "review": "warning", "scheduled": "warning", "live": "success"}


class VersionForm(RowForm[PlanVersion]):
    defaults = {"trial_days": 0, "trial_usage": TrialUsage.FREE}

    class Meta:
        model = PlanVersion
        fields = (
            "plan",
            "interval_count",
            "interval_unit",
            "anchor",
            "proration",
            "trial_days",
            "trial_usage",
            "tax_code",
            "prices_include_tax",
            "note",
        )
        labels = {
            "interval_count": _("Billing period"),
            "interval_unit": _("Unit"),
            "anchor": _("Aligned to"),
            "trial_days": _("Trial (days)"),
            "trial_usage": _("Usage in the trial"),
            "tax_code": _("Tax code"),
        }
        widgets = {"note": UnfoldAdminTextareaWidget(attrs={"rows": 2})}


def format_time_in_force(version: PlanVersion) -> str:
    """Return the time in which a version is in force: “since 1 Jan 2026, 00:00”, or a start and an end."""
    start, end = version.effective_from, version.effective_to
    if start is None:
        return gettext("not published")
    if end is not None:
        return f"{moment(start)} – {moment(end)}"
    if version.state == VersionState.SCHEDULED:
        return gettext("from %(time)s") % {"time": moment(start)}
    return gettext("since %(time)s") % {"time": moment(start)}


class PlanVersionAdmin(VersionComparison):
    """
    A draft is edited here with its fees and features; each feature links to its prices. A published version is shown
    without inputs, since the database would reject any change.
    """

    seller_paths = OF_NO_SELLER
    lists_currencies = True
    form = VersionForm
    inlines = (FeeInline, GrantInline, IncludedCreditsInline, CommitmentInline, ThresholdInline)
    autocomplete_fields = ("plan",)
    list_filter = ("state", "plan")
    list_select_related = ("plan",)
    search_fields = ("plan__name", "plan__code", "note")
    change_form_before_template = "staff/catalog/version_facts.html"

    empty_text = _("Create versions on the page of a plan.")

    state_shown = state_column(STATE_COLORS)
    name = column(_("Version"), str, ordering="plan__name")
    in_force = column(_("In force"), format_time_in_force, ordering="effective_from")

    @display(description=_("Billing period"))
    def interval(self, version: PlanVersion) -> str:
        return format_interval(version.interval_unit, version.interval_count)

    # The page ------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: PlanVersion | None = None) -> Any:
        periods = [("interval_count", "interval_unit"), "anchor", "proration", "trial_days", "trial_usage"]
        periods += ["tax_code", "prices_include_tax", "note"]
        return [(None, {"fields": periods if obj else ["plan", *periods]})]

    def get_inlines(self, request: HttpRequest, obj: PlanVersion | None) -> tuple[type, ...]:
        if obj is None:
            return ()
        if obj.is_editable:
            return self.inlines
        rows_by_inline: dict[type, Manager[Any]] = {
            FeeInline: obj.fees,
            CommitmentInline: obj.commitments,
            ThresholdInline: obj.thresholds,
            IncludedCreditsInline: obj.included_credits,
        }
        return tuple(
            inline for inline in self.inlines if inline not in rows_by_inline or rows_by_inline[inline].exists()
        )

    def is_editable(self, version: PlanVersion) -> bool:
        return version.is_editable

    def page_context(self, request: HttpRequest, version: PlanVersion) -> dict[str, Any]:
        sheet = read_compared_sheet(version)
        problems = problems_of(version) if version.is_editable else []
        return {
            "facts": self.facts(version),
            "problems": problems,
            "advice": [] if version.is_published else self.advice(version),
            "steps": read_steps(version),
            "table": SheetTable(sheet, may_add=self.has_change_permission(request, version)),
            "is_folded": sheet.has_prices and not problems,
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }

    def advice(self, version: PlanVersion) -> list[str]:
        """Return the findings of the plan check; the parts of upper apps add their own."""
        return check_plan(version, at=timezone.now())

    def facts(self, version: PlanVersion) -> list[dict[str, str]]:
        """Return the key facts of a version, shown above the form."""
        facts = [
            {
                "name": gettext("State"),
                "value": version.get_state_display(),
                "color": STATE_COLORS.get(version.state, ""),
            },
            {"name": gettext("In force"), "value": format_time_in_force(version)},
        ]
        facts += longer_fees(version)
        if version.tried_at is not None:
            tried = gettext("since %(date)s; can't be edited") % {"date": date_format(version.tried_at)}
            facts.append({"name": gettext("Used in the sandbox"), "value": tried, "color": ""})
        if version.state == VersionState.REVIEW and (approval := find_waiting_request(version)):
            facts.append(
                {"name": gettext("Approval"), "value": approval.get_state_display(), "url": page_url(approval)}
            )
        if version.copied_from is not None:
            copied_from = version.copied_from
            facts.append({"name": gettext("Copied from"), "value": str(copied_from), "url": page_url(copied_from)})
        return facts

    def save_model(self, request: HttpRequest, obj: PlanVersion, form: Any, change: bool) -> None:
        if not change:
            draft = publication.new_draft(plan=obj.plan, by=staff_user(request), at=timezone.now())
            obj.pk, obj.number, obj.created_at = draft.pk, draft.number, draft.created_at
            obj._state.adding = False
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: PlanVersion, post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(page_url(obj))

    def response_post_save_change(self, request: HttpRequest, obj: PlanVersion) -> HttpResponseRedirect:
        """Stay on the page, since a version is edited in several steps."""
        return HttpResponseRedirect(page_url(obj))


def moment(at: datetime | None) -> str:
    return gettext("a later date") if at is None else date_format(timezone.localtime(at), "DATETIME_FORMAT")
