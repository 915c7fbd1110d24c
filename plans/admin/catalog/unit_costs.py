"""Unit costs, their import, and the margins of prices over them."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffAdmin, list_url, page_action, staff_page, staff_user
from lib.admin.columns import column, money_column
from lib.admin.number_fields import NumberInput
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.formats import format_number
from lib.row_form import RowForm
from lib.tabular_files import CellProblem, FileRefused, as_csv, read_table
from plans.admin.catalog.price_margins import margins_page
from plans.admin.fields.currency import CurrencyCodeField, usual_currency
from plans.admin.fields.dimension_match import DEFAULT, MatchField
from plans.admin.fields.file_upload import UploadForm
from plans.admin.fields.price_unit import PerField, to_unit_price
from plans.catalog.dimension_text import format_match
from plans.costs import unit_costs
from plans.costs.cost_lists import COLUMNS, REQUIRED_COLUMNS, ImportedCost, RowsRefused, cost_rows, import_costs
from plans.costs.price_margins import compute_live_margins
from plans.models import UnitCost


class UnitCostForm(RowForm[UnitCost]):
    match = MatchField(label=_("Usage"))
    currency = CurrencyCodeField()
    per = PerField()

    class Meta:
        model = UnitCost
        fields = ("meter", "match", "currency", "cost", "per", "valid_from", "valid_to", "note")
        labels = {"valid_from": _("In force from (UTC)"), "valid_to": _("Until (UTC)")}
        help_texts = {"cost": _("For the number of units selected: 2.50 per million is 0.0000025 per unit.")}
        widgets = {"cost": NumberInput()}

    def clean(self) -> dict[str, Any]:
        """Try to record the cost, and show the reason if it is refused."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        try:
            cleaned["cost"] = to_unit_price(cleaned["cost"], cleaned.pop("per"))
        except forms.ValidationError as refusal:
            self.add_error("cost", refusal)
            return cleaned
        try:
            unit_costs.check_cost(**self.recorded())
        except unit_costs.CostRefused as refusal:
            self.add_error(None, str(refusal))
        return cleaned

    def recorded(self) -> dict[str, Any]:
        """Return the arguments to record; a stored cost keeps the fields that identify it."""
        identity = {
            name: getattr(self.instance, name) for name in ("meter", "match", "valid_from") if self.instance.pk
        }
        if self.instance.pk:
            identity["currency"] = str(self.instance.currency)
        return {**{name: value for name, value in self.cleaned_data.items() if name != "per"}, **identity}

    def _get_validation_exclusions(self) -> set[str]:
        """
        Exclude the dates from Django's check of the exclusion constraint: recording the cost adjusts its neighbors.
        """
        return super()._get_validation_exclusions() | {"valid_from", "valid_to"}


@admin.register(UnitCost)
class UnitCostAdmin(StaffAdmin):
    """
    Unit costs by usage and time. A cost by which usage was counted can't change, so a new figure starts at a later
    time.
    """

    seller_paths = OF_NO_SELLER
    form = UnitCostForm
    list_display = ("meter", "usage", "cost_shown", "valid_from", "valid_to", "note")
    list_filter = ("meter", "currency")
    list_select_related = ("meter",)
    search_fields = ("meter__name", "meter__code", "note")
    ordering = ("meter__name", "currency", "-valid_from")
    autocomplete_fields = ("meter",)
    fixed_fields = ("meter", "usage", "currency", "valid_from", "cost_shown")
    actions_list = ("show_margins", "take_file", "download")

    empty_text = _("Record the cost of a unit of each meter to see the margins of your prices.")

    usage = column(_("Usage"), lambda cost: format_match(cost.match) or DEFAULT)
    cost_shown = money_column("cost", _("Cost per unit"), ordering="cost")

    # The page ------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: UnitCost | None = None) -> Any:
        fields = ["meter", "match", "currency", ("cost", "per"), "valid_from", "valid_to", "note"]
        if obj:
            fields[1] = "usage"
        if obj and not self.has_change_permission(request, obj):
            fields[3] = "cost_shown"
        return [(None, {"fields": fields})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"currency": usual_currency(), "per": "1", **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: UnitCost, form: Any, change: bool) -> None:
        stored = unit_costs.record_cost(**form.recorded(), by=staff_user(request), at=timezone.now())
        obj.pk = stored.pk
        obj.valid_to = stored.valid_to
        obj.created_at = stored.created_at

    def delete_model(self, request: HttpRequest, obj: UnitCost) -> None:
        unit_costs.remove_cost(cost=obj, by=staff_user(request), at=timezone.now())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except unit_costs.CostRefused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(reverse("admin:plans_unitcost_change", args=[object_id]))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Remove bulk deletion: each cost may be protected."""
        return {
            name: bulk_action
            for name, bulk_action in super().get_actions(request).items()
            if name != "delete_selected"
        }

    # Files ---------------------------------------------------------------------------------------------------

    @page_action(_("Import"), icon="upload", url_path="from-file", permission="plans.add_unitcost")
    def take_file(self, request: HttpRequest) -> HttpResponse:
        """Import a table of costs: a dry run that shows its changes, then the import."""
        form = UploadForm(request.POST or None, request.FILES or None)
        imported: Sequence[ImportedCost] = ()
        problems: Sequence[CellProblem] = ()
        if request.method == "POST" and form.is_valid():
            try:
                rows = read_table(form.content, name=form.name, columns=COLUMNS, needed=REQUIRED_COLUMNS)
                imported = import_costs(
                    rows, by=staff_user(request), at=timezone.now(), dry_run=not form.is_confirmed
                )
            except FileRefused as refusal:
                form.add_error("file", str(refusal))
            except RowsRefused as refusal:
                problems = refusal.problems
            else:
                if form.is_confirmed:
                    stored_count = sum(imported_cost.outcome != "same" for imported_cost in imported)
                    text = ngettext(
                        "%(count)s unit cost recorded; rows read: %(total)s.",
                        "%(count)s unit costs recorded; rows read: %(total)s.",
                        stored_count,
                    )
                    counts = {"count": format_number(stored_count), "total": format_number(len(imported))}
                    messages.success(request, text % counts)
                    return HttpResponseRedirect(list_url(UnitCost))
        return staff_page(
            request,
            "staff/catalog/import_costs.html",
            title=gettext("Import unit costs"),
            form=form,
            columns=COLUMNS,
            problems=problems,
            rows=[_import_row(imported_cost) for imported_cost in imported],
            changes=sum(imported_cost.outcome != "same" for imported_cost in imported),
            hidden=form.hidden() if imported else [],
            back=list_url(UnitCost),
        )

    @page_action(_("Download"), icon="download", url_path="as-file", permission="plans.view_unitcost")
    def download(self, request: HttpRequest) -> HttpResponse:
        """Send all costs in the import's format; only the header if there are none."""
        stored = self.get_queryset(request).order_by("meter__code", "pk")
        headers = {"Content-Disposition": f'attachment; filename="unit-costs-{timezone.now():%Y-%m-%d}.csv"'}
        content = as_csv(COLUMNS, cost_rows(stored))
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)

    # Margins -------------------------------------------------------------------------------------------------

    @page_action(_("Margins"), icon="trending_down", url_path="margins", permission="plans.view_unitcost")
    def show_margins(self, request: HttpRequest) -> TemplateResponse:
        """Show the margins of live prices over their unit costs, the lowest first."""
        back = list_url(UnitCost)
        findings = compute_live_margins(at=timezone.now())
        return margins_page(request, *findings, title=gettext("Margins of active prices"), back=back)


def _import_row(imported: ImportedCost) -> dict[str, Any]:
    """Return the change of an imported row for the table of the dry run."""
    outcomes = {"new": gettext("new"), "changed": gettext("changed"), "same": gettext("unchanged")}
    before = imported.before if imported.outcome != "same" else None
    usage = f"{imported.cost.meter}: {format_match(imported.cost.match) or DEFAULT}"
    outcome = outcomes.get(imported.outcome, imported.outcome)
    return {"imported": imported, "outcome": outcome, "usage": usage, "before": before and before.cost}
