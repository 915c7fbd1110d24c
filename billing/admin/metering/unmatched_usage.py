"""Unmatched usage: events, customers, reasons, estimated amounts, and reprocessing."""

from typing import Any

from django.contrib import admin, messages
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from kombu.exceptions import OperationalError
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from billing.metering.ingest.reprocess import reprocess
from billing.metering.usage.unmatched_value import GroupValue, UnmatchedValue, estimate_unmatched_value
from billing.models import UnmatchedUsage
from billing.models.usage import UnmatchedReason
from billing.simulation.reprocess_preview import ReprocessPreview, preview_reprocess
from billing.tasks import reprocess_usage
from lib.formats import format_money, format_number, format_units
from lib.task_clock import database_time

MAX_GROUPS = 20
# The estimate rates thousands of open reports, so visits within half a minute share one.
FRESH_SECONDS = 30
CACHE_KEY = "staff:stakes"
MAX_AT_ONCE = 5_000
"""Reports that one click reprocesses."""

REMEDIES = {
    "unknown_customer": "Add the customer under this external id.",
    "unknown_event": "Add a meter for this event name, or stop sending it.",
    "bad_value": "Replace the event by one that has the value, and correct what the product sends.",
    "no_subscription": "Subscribe the customer to a plan that has this feature.",
    "paused": "Resume the subscription, as of when the usage began if it is to be billed.",
    "no_rate": "Publish a version with a rate for these dimensions, or a default rate.",
    "no_cost": "Record what a unit of it costs, from a moment before it was used.",
}


class ResolvedFilter(DropdownFilter):
    """Filter by resolution; open reports unless another choice is made."""

    title = "Billed since"
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "no"), ("yes", "yes"), ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UnmatchedUsage]) -> QuerySet[UnmatchedUsage]:
        if self.value() == "all":
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() != "yes")


@admin.register(UnmatchedUsage)
class UnmatchedUsageAdmin(ModelAdmin):
    list_display = ("occurred_at", "event_name", "customer_ref", "reason_shown", "remedy")
    list_filter = (("reason", ChoicesDropdownFilter), ResolvedFilter, ("sandbox", BooleanRadioFilter))
    search_fields = ("customer_ref",)
    search_help_text = "A customer's external id, or the name of an event, as it was sent"
    ordering = ("-pk",)
    fields = (
        "occurred_at",
        "event_name",
        "customer_ref",
        "reason_shown",
        "remedy",
        "meter",
        "event_key",
        "resolved_at",
    )
    readonly_fields = fields
    list_before_template = "staff/metering/unmatched_usage_value.html"
    actions = ("try_again",)
    actions_list = ("try_all_again",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"stakes": stakes_shown(newest_stakes())}
        return super().changelist_view(request, shown | (extra_context or {}))

    @admin.action(description="Try to bill the selected usage again", permissions=["replay"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[UnmatchedUsage]) -> HttpResponse | None:
        """Show the amounts that reprocessing the selected reports would bill, and reprocess them once confirmed."""
        ids = list(queryset.filter(resolved_at__isnull=True).values_list("pk", flat=True)[:MAX_AT_ONCE])
        if "_agreed" in request.POST:
            done = reprocess(at=database_time(), report_ids=ids)
            cache.delete(CACHE_KEY)
            summary = f"{done.resolved:,} of {done.tried:,} are billed now; {done.left:,} are left."
            self.message_user(request, summary, messages.SUCCESS if done.resolved else messages.WARNING)
            return None
        reprocess_preview = preview_reprocess(at=database_time(), report_ids=ids)
        hidden = [("action", "try_again"), ("_agreed", "1"), *(("_selected_action", str(id_)) for id_ in ids)]
        return self.admin_site.confirmation(
            request,
            page=self,
            title="Bill unmatched usage",
            consequences=describe_preview(reprocess_preview),
            problems=()
            if reprocess_preview.replayed.resolved
            else ["Nothing of it can be billed: see what to do in the list."],
            hidden=hidden,
            verb="Bill it",
        )

    @action(description="Try all again", icon="replay", permissions=["replay"])
    def try_all_again(self, request: HttpRequest) -> HttpResponse:
        """Queue the reprocessing of all reports; if no worker can be reached, a command does the same."""
        try:
            reprocess_usage.delay()
        except OperationalError as error:
            warning = f"The workers cannot be reached now ({error}); manage.py reprocess_usage does the same."
            self.message_user(request, warning, messages.ERROR)
        else:
            self.message_user(request, "A worker tries all of it again; reload in a moment to see what is left.")
        return HttpResponseRedirect(reverse("admin:billing_unmatchedusage_changelist"))

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("billing.change_unmatchedusage")

    @display(description="Why", ordering="reason")
    def reason_shown(self, usage: UnmatchedUsage) -> str:
        return f"{usage.get_reason_display()}: {usage.detail}" if usage.detail else usage.get_reason_display()

    @display(description="What to do")
    def remedy(self, usage: UnmatchedUsage) -> str:
        return "Billed since." if usage.resolved_at else REMEDIES[usage.reason]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(Q(customer_ref=term) | Q(event_name=term)) if term else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: UnmatchedUsage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: UnmatchedUsage | None = None) -> bool:
        return False


def newest_stakes() -> UnmatchedValue:
    """Return the estimated amount of unmatched usage of live customers, at most half a minute old."""
    return cache.get_or_set(CACHE_KEY, estimate_unmatched_value, FRESH_SECONDS)


def stakes_shown(estimate: UnmatchedValue) -> dict[str, Any]:
    """Return the estimated amounts for the page."""
    rows = [
        {
            "reason": UnmatchedReason(stake.group.reason).label,
            "customer": stake.group.customer_ref,
            "event": stake.group.event_name,
            "meter": stake.group.meter,
            "events": format_number(stake.events),
            "quantity": "" if stake.quantity is None else format_units(stake.quantity, stake.group.unit),
            "amount": "not known" if stake.amount is None else _estimate(stake),
        }
        for stake in estimate.stakes[:MAX_GROUPS]
    ]
    amounts = [format_money(amount, currency) for currency, amount in sorted(estimate.amounts.items())]
    return {"rows": rows, "amounts": amounts, "more": len(estimate.stakes) - len(rows), "is_all": estimate.is_all}


def _estimate(stake: GroupValue) -> str:
    return f"{'about' if stake.is_average else 'up to'} {format_money(stake.amount, stake.currency)}"


def describe_preview(reprocess_preview: ReprocessPreview) -> list[str]:
    """Return the effects of reprocessing, in sentences."""
    replayed = reprocess_preview.replayed
    sentences = [
        f"{replayed.resolved:,} of {replayed.tried:,} reports would be billed; {replayed.left:,} are left as they "
        "are."
    ]
    for usage in reprocess_preview.added_usage[:MAX_GROUPS]:
        place = usage.feature_in_period
        when = "as late usage of a closed period" if usage.is_late else "with the period that is running"
        costs = f"{format_money(usage.amount, place.currency)} more" if usage.amount else "nothing more"
        sentences.append(
            f"{place.customer}, {place.feature}: {format_units(usage.quantity, place.unit)}, {costs}, {when}."
        )
    if len(reprocess_preview.added_usage) > MAX_GROUPS:
        sentences.append(f"And {len(reprocess_preview.added_usage) - MAX_GROUPS:,} more.")
    return sentences
