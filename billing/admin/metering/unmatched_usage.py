"""Unmatched usage: events, customers, reasons, estimated amounts, and reprocessing."""

from typing import Any

from django.contrib import admin, messages
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.contrib.filters.admin import DropdownFilter

from billing.admin.figure_cache import read_cached
from billing.metering.ingest.reprocess import reprocess
from billing.metering.usage.unmatched_value import UnmatchedValue, estimate_unmatched_value, filter_reports
from billing.models import UnmatchedUsage
from billing.models.usage import UnmatchedReason, UnmatchedUsageQuerySet
from billing.simulation.reprocess_preview import ReprocessPreview, preview_reprocess
from billing.tasks import reprocess_usage
from lib.admin import Preview, ReadOnlyAdmin, Response, SelectionAction, list_url, page_action
from lib.admin.columns import column, display
from lib.formats import format_money, format_number, format_units
from lib.task_clock import database_time

MAX_GROUPS = 20
# The estimate rates thousands of open reports, so visits within half a minute share one.
FRESH_SECONDS = 30
CACHE_KEY, NOT_SOLD_CACHE_KEY = "staff:stakes", "staff:stakes:not_sold"
REPROCESS = "billing.change_unmatchedusage"
MAX_AT_ONCE = 5_000
"""Reports that one click reprocesses."""

REMEDIES = {
    "unknown_customer": _("Add a customer with this external ID."),
    "unknown_event": _("Add a meter for this event name, or stop sending it."),
    "bad_value": _("Replace the event with one that has the value, and correct the integration."),
    "no_subscription": _("Subscribe the customer to a plan with this feature."),
    "not_sold": _("Change the customer's plan, or publish a version with this feature; else leave it."),
    "paused": _("Resume the subscription; to bill this usage, as of its start."),
    "no_rate": _("Publish a version with a rate for these dimensions, or a default rate."),
    "no_cost": _("Record a unit cost that starts before this usage."),
}


class StatusFilter(DropdownFilter):
    """Filter by status; the reports that count unless another choice is made."""

    title = _("Status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("outstanding", gettext("to resolve")),
            ("not_sold", gettext("not sold on this plan")),
            ("resolved", gettext("resolved")),
            ("all", gettext("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: UnmatchedUsageQuerySet) -> QuerySet[UnmatchedUsage]:
        match self.value():
            case "all":
                return queryset
            case "resolved":
                return queryset.filter(resolved_at__isnull=False)
            case "not_sold":
                return queryset.not_sold()
            case _:
                return queryset.outstanding()


class TryAgain(SelectionAction[UnmatchedUsage]):
    """Show the amounts that reprocessing the selected reports would bill, and reprocess them."""

    label, verb = _("Reprocess selected usage"), _("Reprocess")
    permission = REPROCESS
    limit = MAX_AT_ONCE

    def select(self, queryset: QuerySet[UnmatchedUsage]) -> QuerySet[UnmatchedUsage]:
        return queryset.filter(resolved_at__isnull=True).only("pk")

    def preview(self, reports: list[UnmatchedUsage]) -> Preview:
        preview = preview_reprocess(at=database_time(), report_ids=[report.pk for report in reports])
        nothing = [gettext("None of it can be billed yet. Follow the remedies in the list first.")]
        return Preview(
            title=gettext("Reprocess unmatched usage"),
            consequences=describe_preview(preview),
            problems=() if preview.replayed.resolved else nothing,
        )

    def run(self, reports: list[UnmatchedUsage]) -> Response:
        outcome = reprocess(at=database_time(), report_ids=[report.pk for report in reports])
        cache.delete_many([CACHE_KEY, NOT_SOLD_CACHE_KEY])
        counts = {
            "resolved": format_number(outcome.resolved),
            "tried": format_number(outcome.tried),
            "left": format_number(outcome.left),
        }
        summary = gettext("%(resolved)s of %(tried)s events matched; %(left)s remain.") % counts
        return self.done(summary, level=messages.SUCCESS if outcome.resolved else messages.WARNING)


@admin.register(UnmatchedUsage)
class UnmatchedUsageAdmin(ReadOnlyAdmin):
    list_display = ("occurred_at", "event_name", "customer_ref", "reason_shown", "remedy")
    list_filter = (StatusFilter, "reason", "sandbox")
    search_fields = ("customer_ref",)
    search_help_text = _("External customer ID or event name, as sent")
    empty_text = _("Events that no subscription or price covers appear here.")
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
        shown = {"stakes": stakes_shown(newest_stakes()), "not_sold": stakes_shown(_newest_not_sold())}
        response: HttpResponse = super().changelist_view(request, shown | (extra_context or {}))
        return response

    @page_action(_("Reprocess all"), icon="replay", permission=REPROCESS)
    def try_all_again(self, request: HttpRequest) -> HttpResponse:
        """Queue the reprocessing of all reports; if no worker can be reached, a command does the same."""
        try:
            reprocess_usage.delay()
        except OperationalError as error:
            text = gettext("The message broker can't be reached (%(error)s). Run manage.py reprocess_usage instead.")
            self.message_user(request, text % {"error": error}, messages.ERROR)
        else:
            text = gettext("A worker is reprocessing all unmatched usage. Reload in a moment to see the rest.")
            self.message_user(request, text)
        return HttpResponseRedirect(list_url(UnmatchedUsage))

    @display(description=_("Reason"), ordering="reason")
    def reason_shown(self, usage: UnmatchedUsage) -> str:
        return f"{usage.get_reason_display()}: {usage.detail}" if usage.detail else usage.get_reason_display()

    remedy = column(_("Remedy"), lambda usage: gettext("Resolved.") if usage.resolved_at else REMEDIES[usage.reason])

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(Q(customer_ref=term) | Q(event_name=term)) if term else queryset), False


def newest_stakes() -> UnmatchedValue:
    """Return the estimated amount of unmatched usage of live customers, at most half a minute old."""
    return read_cached(CACHE_KEY, FRESH_SECONDS, lambda: _estimate(UnmatchedUsage.objects.outstanding()))


def _newest_not_sold() -> UnmatchedValue:
    """Return the usage of live customers that their plan doesn't sell, at most half a minute old."""
    return read_cached(NOT_SOLD_CACHE_KEY, FRESH_SECONDS, lambda: _estimate(UnmatchedUsage.objects.not_sold()))


def _estimate(reports: QuerySet[UnmatchedUsage]) -> UnmatchedValue:
    return estimate_unmatched_value(filter_reports(reports))


def stakes_shown(estimate: UnmatchedValue) -> dict[str, Any]:
    """Return the estimated amounts for the page."""
    rows = [(UnmatchedReason(stake.group.reason).label, stake) for stake in estimate.stakes[:MAX_GROUPS]]
    amounts = [format_money(amount, currency) for currency, amount in sorted(estimate.amounts.items())]
    return {"rows": rows, "amounts": amounts, "more": len(estimate.stakes) - len(rows), "is_all": estimate.is_all}


def describe_preview(reprocess_preview: ReprocessPreview) -> list[str]:
    """Return the effects of reprocessing, in sentences."""
    replayed = reprocess_preview.replayed
    counts = {
        "resolved": format_number(replayed.resolved),
        "tried": format_number(replayed.tried),
        "left": format_number(replayed.left),
    }
    sentences = [gettext("%(resolved)s of %(tried)s events would match; %(left)s would remain.") % counts]
    for usage in reprocess_preview.added_usage[:MAX_GROUPS]:
        place = usage.feature_in_period
        if usage.is_late:
            text = gettext("%(customer)s, %(feature)s: %(quantity)s, +%(amount)s as late usage of a closed period.")
        else:
            text = gettext("%(customer)s, %(feature)s: %(quantity)s, +%(amount)s in the current period.")
        values = {
            "customer": place.customer,
            "feature": place.feature,
            "quantity": format_units(usage.quantity, place.unit),
            "amount": format_money(usage.amount, place.currency),
        }
        sentences.append(text % values)
    if (more := len(reprocess_preview.added_usage) - MAX_GROUPS) > 0:
        sentences.append(
            ngettext("And %(count)s more.", "And %(count)s more.", more) % {"count": format_number(more)}
        )
    return sentences
