"""Meters: the rules by which events become a quantity."""

from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.admin import StaffAdmin, StaffInline
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.row_form import RowForm
from plans.aggregation.expressions import InvalidExpression, compile_expression
from plans.models import Meter, MeterReading, PlanFeature
from plans.models.meters import RECURRING, Aggregation, Measures
from plans.models.versions import VersionState

MEANING = (
    "event_name",
    "aggregation",
    "measures",
    "recurring",
    "value_property",
    "expression",
    "operation_property",
    "held_by",
    "price_property",
    "filters",
    "excludes",
    "dimensions",
    "reading_dimension",
    "rounding",
    "rounding_places",
)
"""The fields that define a meter's meaning, frozen once a published version prices it (plans/triggers.py)."""

# Versions named in the message that a meter is in use; the rest is "and others".
MAX_NAMED = 3


class MeterForm(RowForm[Meter]):
    defaults = {"measures": Measures.DELTAS}

    dimensions = SimpleArrayField(
        forms.CharField(max_length=100),
        required=False,
        max_length=8,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "model, api_key"}),
        label=_("Dimensions"),
        help_text=_("Properties to group and price usage by, separated by commas."),
    )

    class Meta:
        model = Meter
        fields = ("name", "code", "unit", *MEANING)

    def clean(self) -> dict[str, Any]:
        """
        Clear the fields that the chosen aggregation does not read (the page hides them), and require those that it
        does.
        """
        cleaned = super().clean()
        aggregation = cleaned.get("aggregation", self.instance.aggregation)
        if "aggregation" not in self.fields:
            return cleaned
        if aggregation in (Aggregation.COUNT, Aggregation.UNIQUE):
            cleaned["expression"] = ""
        if aggregation == Aggregation.COUNT:
            cleaned["value_property"] = ""
        ways = [name for name in ("value_property", "expression", "reading_dimension") if cleaned.get(name)]
        if len(ways) > 1:
            self.add_error(ways[1], gettext("Use only one: a property, an expression, or readings."))
        elif not ways and aggregation != Aggregation.COUNT and "expression" not in self.errors:
            self.add_error("value_property", gettext("Enter the metered property, such as usage.tokens."))
        if aggregation != Aggregation.UNIQUE:
            cleaned["operation_property"] = cleaned["held_by"] = ""
        elif cleaned.get("held_by"):
            cleaned["recurring"] = True  # a value is held until it is removed
        if aggregation != Aggregation.WEIGHTED_SUM:
            cleaned["measures"] = Measures.DELTAS
        if aggregation not in RECURRING:
            cleaned["recurring"] = False
        return cleaned

    def clean_expression(self) -> str:
        text: str = self.cleaned_data["expression"]
        if text:
            try:
                compile_expression(text)
            except InvalidExpression as error:
                raise forms.ValidationError(str(error)) from error
        return text

    def clean_excludes(self) -> list[Any]:
        excludes = self.cleaned_data["excludes"] or []
        if not isinstance(excludes, list) or not all(
            isinstance(event_filter, dict) and event_filter for event_filter in excludes
        ):
            raise forms.ValidationError(
                gettext('Enter a list of filters, such as [{"tier": ["internal"]}]; [] excludes no events.')
            )
        return excludes

    def clean_filters(self) -> dict[str, Any]:
        filters = self.cleaned_data["filters"] or {}
        if not isinstance(filters, dict):
            raise forms.ValidationError(
                gettext('Enter an object, such as {"status": ["success"]}; {} counts every event.')
            )
        return filters


class ReadingInline(StaffInline):
    model = MeterReading
    verbose_name = _("reading")
    verbose_name_plural = _("Readings: several values from one event, one for each value of the reading dimension")
    fields = ("dimension_value", "value_property")

    def is_editable(self, meter: Meter) -> bool:
        return not pricing_versions(meter)


class MeterAdmin(StaffAdmin):
    """Registered by billing, which adds the events that a meter has counted."""

    seller_paths = OF_NO_SELLER
    form = MeterForm
    inlines = (ReadingInline,)
    fixed_fields = ("code",)
    prepopulated_fields = {"code": ("name",)}
    list_display = ("name", "code", "event_name", "aggregation", "unit")
    list_filter = ("aggregation",)
    search_fields = ("name", "code", "event_name")
    ordering = ("name",)
    empty_text = _("A meter counts or adds up events, such as requests or tokens.")
    conditional_fields = {
        "value_property": "typeof aggregation === 'undefined' || aggregation != 'count'",
        "expression": "typeof aggregation === 'undefined' || !['count', 'unique'].includes(aggregation)",
        "measures": "typeof aggregation === 'undefined' || aggregation == 'weighted_sum'",
        "operation_property": "typeof aggregation === 'undefined' || aggregation == 'unique'",
        "held_by": "typeof aggregation === 'undefined' || aggregation == 'unique'",
        "recurring": "typeof aggregation === 'undefined' || "
        "['sum', 'latest', 'unique', 'weighted_sum'].includes(aggregation)",
        "rounding_places": "typeof rounding === 'undefined' || rounding != 'none'",
    }

    readonly_preprocess_fields = {
        "filters": lambda contents: gettext("every event") if contents == "{}" else contents,
        "excludes": lambda contents: gettext("none") if contents == "[]" else contents,
    }

    def get_fieldsets(self, request: HttpRequest, obj: Meter | None = None) -> Any:
        return [
            (_("Name and unit"), {"fields": ["name", "code", "unit"]}),
            (_("Metering"), {"fields": list(MEANING), "description": locked_because(obj) if obj else ""}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Meter | None = None) -> tuple[str, ...]:
        frozen = MEANING if obj is not None and pricing_versions(obj) else ()
        return (*super().get_readonly_fields(request, obj), *frozen)


def pricing_versions(meter: Meter) -> list[str]:
    """Return some of the published versions that price a meter and thereby freeze its meaning."""
    cached = vars(meter)  # since each inline and field of a page calls this
    if "_pricing_versions" not in cached:
        drafts = [VersionState.DRAFT, VersionState.REVIEW]
        plan_features = PlanFeature.objects.filter(feature__meter=meter).exclude(version__state__in=drafts)
        newest = plan_features.select_related("version__plan").order_by("-version_id")[: MAX_NAMED + 1]
        cached["_pricing_versions"] = [str(plan_feature.version) for plan_feature in newest]
    names: list[str] = cached["_pricing_versions"]
    return names


def locked_because(meter: Meter) -> str:
    """Return the reason why a meter's rules can't change; empty if they can."""
    versions = pricing_versions(meter)
    if not versions:
        return ""
    values = {"versions": ", ".join(versions[:MAX_NAMED])}
    if len(versions) > MAX_NAMED:
        text = gettext("Locked, because published prices depend on this meter: %(versions)s, and others.")
    else:
        text = gettext("Locked, because published prices depend on this meter: %(versions)s.")
    remedy = gettext(
        "To count differently, add a meter, use it in a feature, and publish a version with that feature."
    )
    return f"{text % values} {remedy}"
