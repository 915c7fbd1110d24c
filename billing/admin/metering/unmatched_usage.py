"""Unmatched usage: events, customers, reasons, estimated amounts, and reprocessing."""

from typing import Any

from django.contrib import admin, messages
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from kombu.exceptions import OperationalError
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from billing.admin.figure_cache import read_cached
from billing.metering.ingest.reprocess import reprocess
from billing.metering.usage.unmatched_value import UnmatchedValue, estimate_unmatched_value
from billing.models import UnmatchedUsage
from billing.models.usage import UnmatchedReason
from billing.simulation.reprocess_preview import ReprocessPreview, preview_reprocess
from billing.tasks import reprocess_usage
from lib.admin import Preview, ReadOnlyAdmin, Response, SelectionAction, list_url, page_action
from lib.admin.columns import column
from lib.formats import format_money, format_units
from lib.task_clock import database_time

MAX_GROUPS = 20
# The estimate rates thousands of open reports, so visits within half a minute share one.
FRESH_SECONDS = 30
CACHE_KEY = "staff:stakes"
REPROCESS = "billing.change_unmatchedusage"
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


class TryAgain(SelectionAction[UnmatchedUsage]):
    """Show the amounts that reprocessing the selected reports would bill, and reprocess them."""

    label, verb = "Try to bill the selected usage again", "Bill it"
    permission = REPROCESS
    limit = MAX_AT_ONCE

    def select(self, queryset: QuerySet[UnmatchedUsage]) -> QuerySet[UnmatchedUsage]:
        return queryset.filter(resolved_at__isnull=True).only("pk")

    def preview(self, reports: list[UnmatchedUsage]) -> Preview:
        preview = preview_reprocess(at=database_time(), report_ids=[report.pk for report in reports])
        nothing = ["Nothing of it can be billed: see what to do in the list."]
        return Preview(
            title="Bill unmatched usage",
            consequences=describe_preview(preview),
            problems=() if preview.replayed.resolved else nothing,
        )

    def run(self, reports: list[UnmatchedUsage]) -> Response:
        outcome = reprocess(at=database_time(), report_ids=[report.pk for report in reports])
        cache.delete(CACHE_KEY)
        summary = f"{outcome.resolved:,} of {outcome.tried:,} are billed now; {outcome.left:,} are left."
        return self.done(summary, level=messages.SUCCESS if outcome.resolved else messages.WARNING)


@admin.register(UnmatchedUsage)
class UnmatchedUsageAdmin(ReadOnlyAdmin):
    list_display = ("occurred_at", "event_name", "customer_ref", "reason_shown", "remedy")
    list_filter = ("reason", ResolvedFilter, "sandbox")
    search_fields = ("customer_ref",)
    search_help_text = "A customer's external id, or the name of an event, as it was sent"
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
    list_before_template = "staff/metering/unmatched_usage_value.html"
    actions = ("try_again",)
    actions_list = ("try_all_again",)

    try_again = TryAgain.as_action()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"stakes": stakes_shown(newest_stakes())}
        response: HttpResponse = super().changelist_view(request, shown | (extra_context or {}))
        return response

    @page_action("Try all again", icon="replay", permission=REPROCESS)
    def try_all_again(self, request: HttpRequest) -> HttpResponse:
        """Queue the reprocessing of all reports; if no worker can be reached, a command does the same."""
        try:
            reprocess_usage.delay()
        except OperationalError as error:
            warning = f"The workers cannot be reached now ({error}); manage.py reprocess_usage does the same."
            self.message_user(request, warning, messages.ERROR)
        else:
            self.message_user(request, "A worker tries all of it again; reload in a moment to see what is left.")
        return HttpResponseRedirect(list_url(UnmatchedUsage))

    @display(description="Why", ordering="reason")
    def reason_shown(self, usage: UnmatchedUsage) -> str:
        return f"{usage.get_reason_display()}: {usage.detail}" if usage.detail else usage.get_reason_display()

    remedy = column("What to do", lambda usage: "Billed since." if usage.resolved_at else REMEDIES[usage.reason])

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(Q(customer_ref=term) | Q(event_name=term)) if term else queryset), False


def newest_stakes() -> UnmatchedValue:
    """Return the estimated amount of unmatched usage of live customers, at most half a minute old."""
    return read_cached(CACHE_KEY, FRESH_SECONDS, estimate_unmatched_value)


def stakes_shown(estimate: UnmatchedValue) -> dict[str, Any]:
    """Return the estimated amounts for the page."""
    rows = [(UnmatchedReason(stake.group.reason).label, stake) for stake in estimate.stakes[:MAX_GROUPS]]
    amounts = [format_money(amount, currency) for currency, amount in sorted(estimate.amounts.items())]
    return {"rows": rows, "amounts": amounts, "more": len(estimate.stakes) - len(rows), "is_all": estimate.is_all}


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
