"""Unit costs: what usage costs us, and which prices still hold a margin over it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from lib.admin.number_fields import NumberInput, number_cell
from lib.formats import format_money, format_number
from lib.tabular_files import FileRefused, as_csv, read_table
from plans.admin.catalog.price_margins import margins_page
from plans.admin.fields.currency import CurrencyCodeField, usual_currency
from plans.admin.fields.dimension_match import DEFAULT, MatchField
from plans.admin.fields.file_upload import UploadForm
from plans.admin.fields.price_unit import PerField, of_one
from plans.catalog.dimension_text import format_match
from plans.costs import unit_costs
from plans.costs.cost_lists import COLUMNS, REQUIRED_COLUMNS, ImportedCost, RowsRefused, cost_rows, import_costs
from plans.costs.price_margins import compute_live_margins
from plans.models import UnitCost


class UnitCostForm(forms.ModelForm):
    match = MatchField(label="Of usage with")
    currency = CurrencyCodeField()
    per = PerField()

    class Meta:
        model = UnitCost
        fields = ("meter", "match", "currency", "cost", "per", "valid_from", "valid_to", "note")
        labels = {"valid_from": "In force from (UTC)", "valid_to": "Until (UTC)"}
        help_texts = {"cost": "Of as many units as said beside it: 2.50 for each million is 0.0000025 of one."}
        widgets = {"cost": NumberInput()}

    def clean(self) -> dict[str, Any]:
        """Try what saving does, and say why it would be refused."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            cleaned["cost"] = of_one(cleaned["cost"], cleaned.pop("per"))
        except forms.ValidationError as refusal:
            self.add_error("cost", refusal)
            return cleaned
        try:
            unit_costs.check_cost(**self.recorded())
        except unit_costs.CostRefused as refusal:
            self.add_error(None, str(refusal))
        return cleaned

    def recorded(self) -> dict[str, Any]:
        """Return what to record: of a stored cost, what says which one it is stays as it was."""
        kept = {name: getattr(self.instance, name) for name in ("meter", "match", "valid_from") if self.instance.pk}
        if self.instance.pk:
            kept["currency"] = str(self.instance.currency)
        return {**{name: value for name, value in self.cleaned_data.items() if name != "per"}, **kept}

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the time out of what Django checks beforehand: the operation makes room in it."""
        return super()._get_validation_exclusions() | {"valid_from", "valid_to"}


@admin.register(UnitCost)
class UnitCostAdmin(ModelAdmin):
    """A list by usage and time; what usage was counted by is kept, so a new figure begins at a new moment."""

    form = UnitCostForm
    list_display = ("meter", "usage", "cost_shown", "valid_from", "valid_to", "note")
    list_filter = (("meter", AutocompleteSelectFilter), "currency")
    list_select_related = ("meter",)
    search_fields = ("meter__name", "meter__code", "note")
    ordering = ("meter__name", "currency", "-valid_from")
    autocomplete_fields = ("meter",)
    actions_list = ("show_margins", "take_file", "download")

    @display(description="Usage")
    def usage(self, cost: UnitCost) -> str:
        return format_match(cost.match) or DEFAULT

    @display(description="Cost of a unit", ordering="cost")
    def cost_shown(self, cost: UnitCost) -> str:
        return number_cell(format_money(cost.cost, str(cost.currency)))

    # The page ------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: UnitCost | None = None) -> list[tuple[None, dict[str, Any]]]:
        fields = ["meter", "match", "currency", ("cost", "per"), "valid_from", "valid_to", "note"]
        if obj:
            fields[1] = "usage"
        if obj and not self.has_change_permission(request, obj):
            fields[3] = "cost_shown"
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: UnitCost | None = None) -> tuple[str, ...]:
        return ("meter", "usage", "currency", "valid_from", "cost_shown") if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"currency": usual_currency(), "per": "1", **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: UnitCost, form: Any, change: bool) -> None:
        stored = unit_costs.record_cost(**form.recorded(), by=request.user, at=timezone.now())
        obj.pk = stored.pk
        obj.valid_to = stored.valid_to
        obj.created_at = stored.created_at

    def delete_model(self, request: HttpRequest, obj: UnitCost) -> None:
        unit_costs.remove_cost(cost=obj, by=request.user, at=timezone.now())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except unit_costs.CostRefused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(reverse("admin:plans_unitcost_change", args=[object_id]))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No removal of many at once: each says for itself whether it may go."""
        return {name: one for name, one in super().get_actions(request).items() if name != "delete_selected"}

    # Files ---------------------------------------------------------------------------------------------------

    @action(description="Import", icon="upload", url_path="from-file", permissions=["add"])
    def take_file(self, request: HttpRequest) -> HttpResponse:
        """Take in a table of costs: show what it would do first, then do it."""
        form = UploadForm(request.POST or None, request.FILES or None)
        taken, problems = [], []
        if request.method == "POST" and form.is_valid():
            try:
                rows = read_table(form.content, name=form.name, columns=COLUMNS, needed=REQUIRED_COLUMNS)
                taken = import_costs(rows, by=request.user, at=timezone.now(), dry_run=not form.is_confirmed)
            except FileRefused as refusal:
                form.add_error("file", str(refusal))
            except RowsRefused as refusal:
                problems = refusal.problems
            else:
                if form.is_confirmed:
                    stored = sum(one.outcome != "same" for one in taken)
                    messages.success(
                        request, f"{format_number(stored)} of {format_number(len(taken))} unit costs were recorded."
                    )
                    return HttpResponseRedirect(reverse("admin:plans_unitcost_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Import unit costs",
            "opts": None,
            "form": form,
            "columns": COLUMNS,
            "problems": problems,
            "rows": [_taken_row(one) for one in taken],
            "changes": sum(one.outcome != "same" for one in taken),
            "hidden": form.hidden() if taken else [],
            "back": reverse("admin:plans_unitcost_changelist"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "staff/catalog/import_costs.html", context)

    @action(description="Download", icon="download", url_path="as-file", permissions=["view"])
    def download(self, request: HttpRequest) -> HttpResponse:
        """Send all costs in the form that import takes; without any, its columns."""
        stored = self.get_queryset(request).order_by("meter__code", "pk")
        headers = {"Content-Disposition": f'attachment; filename="unit-costs-{timezone.now():%Y-%m-%d}.csv"'}
        content = as_csv(COLUMNS, cost_rows(stored))
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)

    # Margins -------------------------------------------------------------------------------------------------

    @action(description="Margins", icon="trending_down", url_path="margins", permissions=["view"])
    def show_margins(self, request: HttpRequest) -> TemplateResponse:
        """Show what live prices leave over their unit costs, the thinnest first."""
        back = reverse("admin:plans_unitcost_changelist")
        found = compute_live_margins(at=timezone.now())
        return margins_page(self, request, *found, title="Margins of live prices", back=back)


def _taken_row(one: ImportedCost) -> dict[str, Any]:
    """Return what a row of a file would do as the dry run's table shows it."""
    currency = str(one.cost.currency)
    before = one.before if one.before is None or one.outcome != "same" else None
    return {
        "row": one.row,
        "what": one.outcome,
        "usage": f"{one.cost.meter}: {format_match(one.cost.match) or DEFAULT}",
        "before": format_money(before.cost, currency) if before else "",
        "cost": format_money(one.cost.cost, currency),
        "since": one.cost.valid_from,
        "until": one.cost.valid_to,
    }
