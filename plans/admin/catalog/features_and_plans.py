"""Features and plans."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from plans.admin.catalog.plan_wizard import StartAdmin
from plans.admin.versions.publication import page_of
from plans.admin.versions.version_page import format_time_in_force
from plans.models import Feature, Plan, PlanVersion
from plans.models.catalog import FeatureKind
from plans.models.versions import VersionState


class FeatureForm(forms.ModelForm):
    class Meta:
        model = Feature
        fields = ("name", "code", "kind", "meter", "when_unreachable")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        metered = cleaned.get("kind") == FeatureKind.METERED
        if metered and "meter" in cleaned and cleaned["meter"] is None:
            self.add_error("meter", "A metered feature needs the meter that counts it: choose one, or add it first.")
        if not metered and cleaned.get("meter"):
            cleaned["meter"] = None  # the form hides the field then
        return cleaned


@admin.register(Feature)
class FeatureAdmin(ModelAdmin):
    form = FeatureForm
    list_display = ("name", "code", "kind_shown", "meter")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_select_related = ("meter",)
    search_fields = ("name", "code")
    ordering = ("name",)
    autocomplete_fields = ("meter",)
    prepopulated_fields = {"code": ("name",)}
    conditional_fields = {"meter": "typeof kind === 'undefined' || kind == 'metered'"}

    @display(description="Kind", ordering="kind", label={"metered": "info"})
    def kind_shown(self, feature: Feature) -> tuple[str, str]:
        return feature.kind, feature.get_kind_display()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the code fixed: the API and events identify a feature by it."""
        return ("code",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)


class VersionInline(TabularInline):
    """Overview of a plan's versions; each links to its own page."""

    model = PlanVersion
    extra = 0
    max_num = 0
    can_delete = False
    hide_title = True
    verbose_name_plural = "Versions"
    ordering = ("-number",)
    fields = ("version_link", "state_shown", "in_force", "note")
    readonly_fields = fields

    @display(description="Version")
    def version_link(self, version: PlanVersion) -> SafeString:
        return format_html('<a class="text-link" href="{}">v{}</a>', page_of(version), version.number)

    @display(description="State")
    def state_shown(self, version: PlanVersion) -> str:
        return version.get_state_display()

    @display(description="In force")
    def in_force(self, version: PlanVersion) -> str:
        return format_time_in_force(version)


@admin.register(Plan)
class PlanAdmin(StartAdmin):
    list_display = ("name", "code", "versions_shown", "description")
    search_fields = ("name", "code")
    ordering = ("name",)
    prepopulated_fields = {"code": ("name",)}
    fields = ("name", "code", "description", "self_service")
    actions_detail = ("new_version",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                live=Max("versions__number", filter=Q(versions__state=VersionState.LIVE)),
                drafts=Count("versions", filter=Q(versions__state=VersionState.DRAFT)),
            )
        )

    @display(description="Versions")
    def versions_shown(self, plan: Any) -> str:
        live = f"v{plan.live} live" if plan.live else "none live"
        return f"{live}, {plan.drafts} in draft" if plan.drafts else live

    def get_inlines(self, request: HttpRequest, obj: Plan | None) -> tuple[type, ...]:
        return (VersionInline,) if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Plan | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def response_add(self, request: HttpRequest, obj: Plan, post_url_continue: str | None = None) -> HttpResponse:
        """Continue with the first version, since a plan without one has nothing to sell."""
        add = reverse("admin:plans_planversion_add")
        return HttpResponseRedirect(f"{add}?plan={obj.pk}")

    def has_draft_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("plans.add_planversion"))

    @action(description="New version", icon="add", permissions=["draft"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Start from the latest version, or from an empty one if there is none."""
        plan = self.get_object(request, object_id)
        if plan is None:
            raise Http404(f"There is no plan {object_id}.")
        latest = PlanVersion.objects.filter(plan=plan).order_by("-number").first()
        if latest is not None:
            return HttpResponseRedirect(reverse("admin:plans_planversion_new_version", args=[latest.pk]))
        return HttpResponseRedirect(f"{reverse('admin:plans_planversion_add')}?plan={plan.pk}")
