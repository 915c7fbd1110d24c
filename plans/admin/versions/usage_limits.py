"""The quotas and throttle of a version's feature, on a page of their own."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffAdmin, StaffInline, link_to, list_url, page_url
from lib.admin.columns import display
from lib.admin.number_fields import NumberInput, strip_padding
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.formats import format_units
from lib.row_form import RowForm
from plans.admin.fields.row_order import OrderedFormSet
from plans.catalog.limit_text import describe_limit
from plans.catalog.stored_terms import usage_limit_terms
from plans.models import PlanFeature, PlanVersion, UsageLimit
from plans.models.usage_limits import AfterQuota, LimitKind, LimitMeasure, WindowStart, WindowUnit

ADDITIVE = ("count", "sum")
"""Aggregations whose units can be counted in buckets of time."""


def page_of_limits(plan_feature: PlanFeature) -> str:
    return reverse("admin:plans_planfeature_change", args=[plan_feature.pk])


def limits_summary(plan_feature: PlanFeature) -> list[str]:
    """Return the limits of a feature, each as a sentence."""
    unit = plan_feature.feature.meter.unit if plan_feature.feature.meter else ""
    limits = map(usage_limit_terms, plan_feature.usage_limits.all())
    return [describe_limit(limit, unit=unit, units=format_units) for limit in limits]


class UsageLimitForm(RowForm[UsageLimit]):
    defaults = {
        "counts": LimitMeasure.UNITS,
        "window_count": 1,
        "window_unit": WindowUnit.MINUTE,
        "window_start": WindowStart.SLIDING,
        "after": AfterQuota.REFUSE,
    }

    class Meta:
        model = UsageLimit
        fields = (
            *(
                "position",
                "kind",
                "most",
                "counts",
                "window_count",
                "window_unit",
                "window_start",
                "after",
                "slow_to",
            ),
        )
        labels = {
            "kind": _("Limit"),
            "most": _("Up to"),
            "counts": _("Counted in"),
            "window_count": _("Window"),
            "window_unit": _("Unit"),
            "window_start": _("Window begins"),
            "after": _("When used up"),
            "slow_to": _("Slow down to (per minute)"),
        }
        widgets = {"most": NumberInput(), "slow_to": NumberInput()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("kind") == LimitKind.THROTTLE:
            cleaned |= {**self.defaults, "counts": cleaned.get("counts") or LimitMeasure.UNITS, "slow_to": None}
        for name in ("most", "slow_to"):
            if (figure := cleaned.get(name)) is not None and figure <= 0:
                self.add_error(name, gettext("Enter a number above zero."))
        if cleaned.get("after") != AfterQuota.SLOW:
            cleaned["slow_to"] = None
        elif "slow_to" in cleaned and cleaned["slow_to"] is None:
            self.add_error("slow_to", gettext("Enter how many uses a minute to allow, such as 10."))
        self._check_window(cleaned)
        return cleaned

    def _check_window(self, cleaned: dict[str, Any]) -> None:
        most = MAX_WINDOW.get(cleaned.get("window_unit", ""), 0)
        count = cleaned.get("window_count")
        if most and count is not None and not 1 <= count <= most:
            text = gettext("Enter 1 to %(most)s; a window lasts at most 30 days.")
            self.add_error("window_count", text % {"most": most})


MAX_WINDOW = {WindowUnit.MINUTE: 1440, WindowUnit.HOUR: 720, WindowUnit.DAY: 30, WindowUnit.WEEK: 4}
"""Unit of a window → the largest number of them."""


class UsageLimitFormSet(OrderedFormSet):
    """Refuses two limits of the same window, and units where the meter's units can't be counted over time."""

    def clean(self) -> None:
        meter = self.instance.feature.meter
        windows = set()
        for form in self.kept():
            limit = form.cleaned_data
            window = tuple(limit.get(name) for name in ("kind", "counts", "window_unit", "window_count"))
            if window in windows:
                form.add_error("kind", gettext("Another limit counts the same uses over the same time. Remove one."))
            windows.add(window)
            if meter and meter.aggregation not in ADDITIVE and limit.get("counts") == LimitMeasure.UNITS:
                text = gettext("The units of %(meter)s don't add up over time. Count events instead.")
                form.add_error("counts", text % {"meter": meter})
        super().clean()


class UsageLimitInline(StaffInline):
    """The limits; they change only while the version is a draft."""

    model = UsageLimit
    form = UsageLimitForm
    formset = UsageLimitFormSet
    ordering = ("position", "pk")
    ordering_field = "position"
    hide_ordering_field = True
    verbose_name = _("limit")
    verbose_name_plural = _("Quotas and throttle")
    readonly_preprocess_fields = {"most": strip_padding, "slow_to": strip_padding}

    def is_editable(self, plan_feature: PlanFeature) -> bool:
        return plan_feature.version.is_editable


class AllowanceForm(RowForm[PlanFeature]):
    class Meta:
        model = PlanFeature
        fields = ("stub_allowance",)
        labels = {"stub_allowance": _("Allowance of a partial first period")}


@admin.register(PlanFeature)
class PlanFeatureAdmin(StaffAdmin):
    """Reached from the version's page; the list of all features of versions redirects to the versions."""

    seller_paths = OF_NO_SELLER
    form = AllowanceForm
    allows = ("change",)
    fields = ("version_link", "feature", "allowance", "stub_allowance")
    readonly_fields = ("version_link", "feature", "allowance")
    inlines = (UsageLimitInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanFeature]:
        return super().get_queryset(request).select_related("version__plan", "feature__meter")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(list_url(PlanVersion))

    def is_editable(self, plan_feature: PlanFeature) -> bool:
        return plan_feature.version.is_editable

    def page_context(self, request: HttpRequest, plan_feature: PlanFeature) -> dict[str, Any]:
        return {"title": gettext("Limits of %(feature)s") % {"feature": plan_feature}}

    def response_post_save_change(self, request: HttpRequest, obj: PlanFeature) -> HttpResponseRedirect:
        return HttpResponseRedirect(page_url(obj.version))

    @display(description=_("Version"))
    def version_link(self, plan_feature: PlanFeature) -> SafeString:
        version = plan_feature.version
        return format_html("{} ({})", link_to(version), version.get_state_display())

    @display(description=_("Allowance"))
    def allowance(self, plan_feature: PlanFeature) -> str:
        unit = plan_feature.feature.meter.unit if plan_feature.feature.meter else ""
        return format_units(plan_feature.included or Decimal(0), unit)
