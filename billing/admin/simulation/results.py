"""What simulations found: everybody's bill before and after, and one of them line by line."""

from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.decorators import display

from billing.admin.closing.service_days import days
from billing.admin.simulation import simulation_job
from billing.admin.simulation.simulation_job import changed, margins
from billing.models import Job, SimulationResult
from billing.models.jobs import JobKind
from billing.simulation.exports import write_workbook
from billing.simulation.results import LineDifference, ResultDetails, read_details
from lib.formats import format_money, format_number, format_units

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
IN_MEMORY = 5 * 1024 * 1024


@admin.register(SimulationResult)
class SimulationResultAdmin(ModelAdmin):
    """Results are written by simulations alone; this shows them."""

    list_display = ("customer", "version", "before_shown", "after_shown", "change_shown", "percent_shown", "shock")
    list_filter = (("version", AutocompleteSelectFilter), ("is_shock", BooleanRadioFilter), "currency", "is_known")
    list_select_related = ("subscription__customer", "version__plan", "job")
    search_fields = ("subscription__customer__external_id", "subscription__customer__legal_name")
    search_help_text = "A customer's id or name"
    ordering = ("-job", "-change", "pk")
    list_per_page = 50
    change_form_outer_before_template = "staff/simulation/result.html"

    @display(description="Customer", ordering="subscription__customer__legal_name")
    def customer(self, one: SimulationResult) -> str:
        return str(one.subscription.customer)

    @display(description="Before", ordering="before")
    def before_shown(self, one: SimulationResult) -> str:
        return format_money(one.before, one.currency)

    @display(description="After", ordering="after")
    def after_shown(self, one: SimulationResult) -> str:
        return format_money(one.after, one.currency) if one.is_known else "not comparable"

    @display(description="Change", ordering="change")
    def change_shown(self, one: SimulationResult) -> str:
        return format_money(one.change, one.currency)

    @display(description="in percent", ordering="percent")
    def percent_shown(self, one: SimulationResult) -> str:
        return "new" if one.percent is None else f"{format_number(round(one.percent, 1))} %"

    @display(description="Bill shock", ordering="is_shock", boolean=True)
    def shock(self, one: SimulationResult) -> bool:
        return bool(one.is_shock)

    # Pages beside the list -----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("start/", self.admin_site.admin_view(simulation_job.page), name="billing_simulationresult_start"),
            path("<int:job_id>/workbook/", self.admin_site.admin_view(self.workbook), name="billing_simulation_xlsx"),
        ]
        return [*own, *super().get_urls()]

    def workbook(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Send all that a simulation has found as XLSX."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = get_object_or_404(Job, pk=job_id, kind=JobKind.SIMULATION)
        file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115, the response closes it
        write_workbook(job, file)  # type: ignore[arg-type]
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"simulation-{job.pk}.xlsx", content_type=XLSX)

    def get_fieldsets(self, request: HttpRequest, obj: SimulationResult | None = None) -> list[Any]:
        return []  # the page above the form says it all

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        one = self.get_object(request, object_id)
        shown = {"title": f"{one.subscription.customer} by {one.version}", **_facts(one)} if one else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _facts(one: SimulationResult) -> dict[str, Any]:
    """Return what the page of a result shows: the bill line by line, its periods, and the same by other versions."""
    found, currency = read_details(one), one.currency
    zone = ZoneInfo(one.subscription.customer.time_zone)
    others = SimulationResult.objects.filter(job=one.job_id, subscription=one.subscription_id).exclude(pk=one.pk)
    return {
        "result": one,
        "found": found,
        "before": format_money(one.before, currency),
        "after": format_money(one.after, currency),
        "difference": changed(one.before, one.after, currency),
        "margins": margins(found.before, found.after, found.cost),
        "lines": [_line(line, currency) for line in found.lines],
        "periods": [
            {
                "span": days(span.starts_at, span.ends_at, zone),
                "before": format_money(span.before, currency),
                "after": format_money(span.after, currency),
                "change": changed(span.before, span.after, currency),
                "is_settled": span.is_settled,
            }
            for span in found.periods
        ],
        "prepaid": list(_prepaid(found)),
        "others": others.select_related("version__plan").order_by("version"),
        "job_url": reverse("admin:billing_job_change", args=[one.job_id]),
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


def _prepaid(found: ResultDetails) -> Any:
    for unit, one in found.prepaid.items():
        names = ("burnt_before", "burnt", "granted", "expired", "short")
        yield {name: format_money(getattr(one, name), unit) for name in names}
