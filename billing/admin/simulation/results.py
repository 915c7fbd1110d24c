"""Results of simulations: every bill before and after, and each one line by line."""

from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.closing.service_days import days
from billing.admin.simulation.simulation_job import StartSimulation, changed, margins
from billing.models import Job, SimulationResult
from billing.models.jobs import JobKind
from billing.simulation.exports import write_workbook
from billing.simulation.results import LineDifference, read_details
from lib.admin import ReadOnlyAdmin, page_url, require
from lib.admin.columns import column, display, money_column, text_column
from lib.formats import format_money, format_number, format_units

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
IN_MEMORY = 5 * 1024 * 1024


@admin.register(SimulationResult)
class SimulationResultAdmin(ReadOnlyAdmin):
    """Simulation results, read-only: only simulations write them."""

    seller_paths = ("subscription__seller",)
    list_display = ("customer", "version", "before_shown", "after_shown", "change_shown", "percent_shown", "shock")
    list_filter = ("version", "is_shock", "currency", "is_known")
    list_select_related = ("subscription__customer", "version__plan", "job")
    search_fields = ("subscription__customer__external_id", "subscription__customer__legal_name")
    search_help_text = _("Customer ID or name")
    empty_text = _("Simulate prices to see each customer's bill before and after.")
    ordering = ("-job", "-change", "pk")
    list_per_page = 50
    has_form = False
    change_form_outer_before_template = "staff/simulation/result.html"
    further_pages = (
        ("start/", "start", "billing_simulationresult_start"),
        ("<int:job_id>/workbook/", "workbook", "billing_simulation_xlsx"),
    )

    start = StartSimulation.as_action()

    customer = text_column("subscription.customer", _("Customer"), ordering="subscription__customer__legal_name")
    before_shown = money_column("before", _("Before"), ordering="before")

    after_shown = money_column(
        lambda result: result.after if result.is_known else None,
        _("After"),
        missing=_("not comparable"),
        ordering="after",
    )
    change_shown = money_column("change", _("Change"), ordering="change")

    @display(description=_("Change in percent"), ordering="percent")
    def percent_shown(self, result: SimulationResult) -> str:
        return gettext("new") if result.percent is None else f"{format_number(round(result.percent, 1))}%"

    shock = column(_("Bill shock"), lambda result: bool(result.is_shock), ordering="is_shock", boolean=True)

    # Pages next to the list --------------------------------------------------------------------------------------

    def workbook(self, request: HttpRequest, job_id: int) -> FileResponse:
        """Send all results of a simulation as XLSX."""
        require(request, "billing.view_simulationresult")
        job = get_object_or_404(Job, pk=job_id, kind=JobKind.SIMULATION)
        file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115, the response closes it
        write_workbook(job, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"simulation-{job.pk}.xlsx", content_type=XLSX)

    def page_context(self, request: HttpRequest, result: SimulationResult) -> dict[str, Any]:
        return {"title": f"{result.subscription.customer}, {result.version}", **_facts(result)}


def _facts(result: SimulationResult) -> dict[str, Any]:
    """Return the context of a result: the bill by line and by period, and the results with other versions."""
    details, currency = read_details(result), result.currency
    zone = ZoneInfo(result.subscription.customer.time_zone)
    others = SimulationResult.objects.filter(job=result.job_id, subscription=result.subscription_id).exclude(
        pk=result.pk
    )
    return {
        "result": result,
        "found": details,
        "difference": changed(result.before, result.after, currency),
        "margins": margins(details.before, details.after, details.cost),
        "lines": [_line(line, currency) for line in details.lines],
        "periods": [
            (
                days(period.starts_at, period.ends_at, zone),
                period,
                changed(period.before, period.after, currency),
            )
            for period in details.periods
        ],
        "prepaid": details.prepaid.items(),
        "others": others.select_related("version__plan").order_by("version"),
        "job_url": page_url(result.job),
    }


def _line(line: LineDifference, currency: str) -> dict[str, Any]:
    return {
        "name": line.name,
        "used_before": _used(line, line.used_before),
        "used_after": _used(line, line.used_after),
        "before": format_money(line.before, currency),
        "after": format_money(line.after, currency),
        "change": "" if line.before == line.after else changed(line.before, line.after, currency),
        "differs": line.before != line.after,
    }


def _used(line: LineDifference, quantity: Decimal) -> str:
    return format_units(quantity, line.unit) if line.subject.startswith("feature:") else ""
