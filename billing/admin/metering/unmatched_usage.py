"""Usage that no price took: what, whose, and why."""

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

MOST_GROUPS = 20
FRESH_SECONDS = 30
STAKES = "staff:stakes"
MOST_AT_ONCE = 5_000
"""Reports that one click attributes anew."""

WHAT_TO_DO = {
    "unknown_customer": "Add the customer under this external id.",
    "unknown_event": "Add a meter for this event name, or stop sending it.",
    "bad_value": "Replace the event by one that has the value, and correct what the product sends.",
    "no_subscription": "Subscribe the customer to a plan that has this feature.",
    "paused": "Resume the subscription, as of when the usage began if it is to be billed.",
    "no_rate": "Publish a version with a rate for these dimensions, or a default rate.",
    "no_cost": "Record what a unit of it costs, from a moment before it was used.",
}


class ResolvedFilter(DropdownFilter):
    """Open ones, unless the others are asked for."""

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
    list_display = ("occurred_at", "event_name", "customer_ref", "reason_shown", "what_to_do")
    list_filter = (("reason", ChoicesDropdownFilter), ResolvedFilter, ("sandbox", BooleanRadioFilter))
    search_fields = ("customer_ref",)
    search_help_text = "A customer's external id, or the name of an event, as it was sent"
    ordering = ("-pk",)
    fields = (
        "occurred_at",
        "event_name",
        "customer_ref",
        "reason_shown",
        "what_to_do",
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
        """Say what attributing the selected reports anew would bill, and do so once that is agreed to."""
        ids = list(queryset.filter(resolved_at__isnull=True).values_list("pk", flat=True)[:MOST_AT_ONCE])
        if "_agreed" in request.POST:
            done = reprocess(at=database_time(), report_ids=ids)
            cache.delete(STAKES)
            told = f"{done.resolved:,} of {done.tried:,} are billed now; {done.left:,} are left."
            self.message_user(request, told, messages.SUCCESS if done.resolved else messages.WARNING)
            return None
        found = preview_reprocess(at=database_time(), report_ids=ids)
        hidden = [("action", "try_again"), ("_agreed", "1"), *(("_selected_action", str(id_)) for id_ in ids)]
        return self.admin_site.confirmation(
            request,
            page=self,
            title="Bill unmatched usage",
            consequences=told_in_advance(found),
            problems=() if found.replayed.resolved else ["Nothing of it can be billed: see what to do in the list."],
            hidden=hidden,
            verb="Bill it",
        )

    @action(description="Try all again", icon="replay", permissions=["replay"])
    def try_all_again(self, request: HttpRequest) -> HttpResponse:
        """Ask a worker to attribute all of it anew; where none can be asked, a command does the same."""
        try:
            reprocess_usage.delay()
        except OperationalError as error:
            told = f"The workers cannot be reached now ({error}); manage.py reprocess_usage does the same."
            self.message_user(request, told, messages.ERROR)
        else:
            self.message_user(request, "A worker tries all of it again; reload in a moment to see what is left.")
        return HttpResponseRedirect(reverse("admin:billing_unmatchedusage_changelist"))

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("billing.change_unmatchedusage")

    @display(description="Why", ordering="reason")
    def reason_shown(self, usage: UnmatchedUsage) -> str:
        return f"{usage.get_reason_display()}: {usage.detail}" if usage.detail else usage.get_reason_display()

    @display(description="What to do")
    def what_to_do(self, usage: UnmatchedUsage) -> str:
        return "Billed since." if usage.resolved_at else WHAT_TO_DO[usage.reason]

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
    """Return what is at stake with live customers, a moment old at most."""
    return cache.get_or_set(STAKES, estimate_unmatched_value, FRESH_SECONDS)


def stakes_shown(found: UnmatchedValue) -> dict[str, Any]:
    """Return what is at stake as the page shows it."""
    rows = [
        {
            "reason": UnmatchedReason(one.group.reason).label,
            "customer": one.group.customer_ref,
            "event": one.group.event_name,
            "meter": one.group.meter,
            "events": format_number(one.events),
            "quantity": "" if one.quantity is None else format_units(one.quantity, one.group.unit),
            "amount": "not known" if one.amount is None else _estimate(one),
        }
        for one in found.stakes[:MOST_GROUPS]
    ]
    amounts = [format_money(amount, currency) for currency, amount in sorted(found.amounts.items())]
    return {"rows": rows, "amounts": amounts, "more": len(found.stakes) - len(rows), "is_all": found.is_all}


def _estimate(one: GroupValue) -> str:
    return f"{'about' if one.is_average else 'up to'} {format_money(one.amount, one.currency)}"


def told_in_advance(found: ReprocessPreview) -> list[str]:
    """Return what a replay would do, in sentences."""
    done = found.replayed
    told = [f"{done.resolved:,} of {done.tried:,} reports would be billed; {done.left:,} are left as they are."]
    for one in found.added_usage[:MOST_GROUPS]:
        place = one.feature_in_period
        when = "as late usage of a closed period" if one.is_late else "with the period that is running"
        costs = f"{format_money(one.amount, place.currency)} more" if one.amount else "nothing more"
        told.append(f"{place.customer}, {place.feature}: {format_units(one.quantity, place.unit)}, {costs}, {when}.")
    if len(found.added_usage) > MOST_GROUPS:
        told.append(f"And {len(found.added_usage) - MOST_GROUPS:,} more.")
    return told
