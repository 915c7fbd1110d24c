"""Features and plans."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffAdmin, StaffInline, link_to, row_action
from lib.admin.columns import column, display, state_column
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.row_form import RowForm
from plans.admin.catalog.plan_wizard import StartPlan
from plans.admin.versions.version_page import format_time_in_force
from plans.models import Feature, Plan, PlanVersion
from plans.models.catalog import FeatureKind
from plans.models.versions import VersionState


class FeatureForm(RowForm[Feature]):
    class Meta:
        model = Feature
        fields = ("name", "code", "kind", "meter", "when_unreachable")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        metered = cleaned.get("kind") == FeatureKind.METERED
        if metered and "meter" in cleaned and cleaned["meter"] is None:
            self.add_error("meter", gettext("Select the meter of this feature, or add one first."))
        if not metered and cleaned.get("meter"):
            cleaned["meter"] = None  # the form hides the field then
        return cleaned


@admin.register(Feature)
class FeatureAdmin(StaffAdmin):
    seller_paths = OF_NO_SELLER
    form = FeatureForm
    list_display = ("name", "code", "kind_shown", "meter")
    list_filter = ("kind",)
    list_select_related = ("meter",)
    search_fields = ("name", "code")
    ordering = ("name",)
    autocomplete_fields = ("meter",)
    prepopulated_fields = {"code": ("name",)}
    fixed_fields = ("code",)  # the API and events identify it by the code
    conditional_fields = {"meter": "typeof kind === 'undefined' || kind == 'metered'"}

    kind_shown = state_column({"metered": "info"}, "kind", _("Kind"))
    empty_text = _("A feature is a quantity, switch, or value that plans grant, such as requests or single sign-on.")


class VersionInline(StaffInline):
    """Overview of a plan's versions; each links to its own page."""

    model = PlanVersion
    max_num = 0
    can_delete = False
    verbose_name_plural = _("Versions")
    ordering = ("-number",)
    fields = ("version_link", "state_shown", "in_force", "note")
    readonly_fields = fields

    version_link = column(_("Version"), lambda version: link_to(version, f"v{version.number}"))
    state_shown = column(_("State"), lambda version: version.get_state_display())
    in_force = column(_("In force"), format_time_in_force)


@admin.register(Plan)
class PlanAdmin(StaffAdmin):
    seller_paths = OF_NO_SELLER
    list_display = ("name", "code", "versions_shown", "description")
    search_fields = ("name", "code")
    ordering = ("name",)
    prepopulated_fields = {"code": ("name",)}
    fixed_fields = ("code",)  # the API and events identify it by the code
    fields = ("name", "code", "description", "self_service", "is_public")
    actions_list = ("start",)
    actions_detail = ("new_version",)

    empty_text = _("Start from a template, or add an empty plan.")

    start = StartPlan.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        plans: QuerySet[Plan] = (
            super()
            .get_queryset(request)
            .annotate(
                live=Max("versions__number", filter=Q(versions__state=VersionState.LIVE)),
                drafts=Count("versions", filter=Q(versions__state=VersionState.DRAFT)),
            )
        )
        return plans

    @display(description=_("Versions"))
    def versions_shown(self, plan: Any) -> str:
        active = gettext("v%(number)s active") % {"number": plan.live} if plan.live else gettext("none active")
        if not plan.drafts:
            return active
        drafts = ngettext("%(count)s draft", "%(count)s drafts", plan.drafts) % {"count": plan.drafts}
        return f"{active}, {drafts}"

    def get_inlines(self, request: HttpRequest, obj: Plan | None) -> tuple[type, ...]:
        return (VersionInline,) if obj else ()

    def response_add(self, request: HttpRequest, obj: Plan, post_url_continue: str | None = None) -> HttpResponse:
        """Continue with the first version, since a plan without one has nothing to sell."""
        add = reverse("admin:plans_planversion_add")
        return HttpResponseRedirect(f"{add}?plan={obj.pk}")

    @row_action(_("New version"), icon="add", permission="plans.add_planversion")
    def new_version(self, request: HttpRequest, plan: Plan) -> HttpResponse:
        """Start from the latest version, or from an empty one if there is none."""
        latest = PlanVersion.objects.filter(plan=plan).order_by("-number").first()
        if latest is not None:
            return HttpResponseRedirect(reverse("admin:plans_planversion_new_version", args=[latest.pk]))
        return HttpResponseRedirect(f"{reverse('admin:plans_planversion_add')}?plan={plan.pk}")
