"""Unmatched usage: events, customers, reasons, estimated amounts, and reprocessing."""

from typing import Any

from django.contrib import admin, messages
from django.core.cache import caches
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.contrib.filters.admin import DropdownFilter

from billing.admin.figure_cache import read_cached
from billing.metering.dismissal import dismiss, undo_dismissal
from billing.metering.ingest.reprocess import reprocess
from billing.metering.usage.unmatched_value import UnmatchedValue, estimate_unmatched_value, filter_reports
from billing.models import Dismissal, UnmatchedUsage
from billing.models.unmatched_usage import UnmatchedReason, is_dismissed
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


class UnmatchedStatusFilter(DropdownFilter):
    """Filter by status; the reports that count unless another choice is made."""

    title = _("Status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("outstanding", gettext("to resolve")),
            ("not_sold", gettext("not sold on this plan")),
            ("dismissed", gettext("dismissed or ignored")),
            ("resolved", gettext("resolved")),
            ("all", gettext("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "all":
                return queryset
            case "resolved":
                return queryset.filter(resolved_at__isnull=False)
            case "not_sold":
                return queryset.not_sold()
            case "dismissed":
                return queryset.dismissed()
            case _:
                return queryset.outstanding()


class TryAgain(SelectionAction[UnmatchedUsage]):
    """Show the amounts that reprocessing the selected reports would bill, and reprocess them."""

    label, verb = _("Reprocess selected usage"), _("Reprocess")
    permission = REPROCESS
    limit = MAX_AT_ONCE

    def select(self, queryset: QuerySet[UnmatchedUsage]) -> QuerySet[UnmatchedUsage]:
        return queryset.filter(resolved_at__isnull=True).select_related(None).only("pk")

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
        caches["memory"].delete_many([CACHE_KEY, NOT_SOLD_CACHE_KEY])
        counts = {
            "resolved": format_number(outcome.resolved),
            "tried": format_number(outcome.tried),
            "left": format_number(outcome.left),
        }
        summary = gettext("%(resolved)s of %(tried)s events matched; %(left)s remain.") % counts
        return self.done(summary, level=messages.SUCCESS if outcome.resolved else messages.WARNING)


class Dismiss(SelectionAction[UnmatchedUsage]):
    """Dismiss the selected reports with a reason: they count no more, and stay in the list under a filter."""

    label = _("Dismiss selected usage")
    verb = _("Dismiss")
    permission = REPROCESS
    limit = MAX_AT_ONCE
    missing_reason = _("Enter the reason; it is kept with the dismissal.")

    def select(self, queryset: QuerySet[UnmatchedUsage]) -> QuerySet[UnmatchedUsage]:
        return queryset.filter(resolved_at__isnull=True).select_related(None).only("pk")

    def preview(self, reports: list[UnmatchedUsage]) -> Preview:
        return Preview(
            title=gettext("Dismiss unmatched usage"),
            consequences=[
                ngettext(
                    "%(count)s report no longer counts as unmatched usage, here and in the month-end checklist.",
                    "%(count)s reports no longer count as unmatched usage, here and in the month-end checklist.",
                    len(reports),
                )
                % {"count": format_number(len(reports))},
                gettext("The events stay stored. Reprocessing still bills them once a price covers them."),
                gettext("A reason is required. The dismissal can be undone."),
            ],
        )

    def run(self, reports: list[UnmatchedUsage]) -> Response:
        ids = [report.pk for report in reports]
        count = dismiss(report_ids=ids, reason=self.reason, at=database_time(), by=self.user)
        caches["memory"].delete_many([CACHE_KEY, NOT_SOLD_CACHE_KEY])
        text = ngettext("%(count)s report is dismissed.", "%(count)s reports are dismissed.", count)
        return self.done(text % {"count": format_number(count)})


class UndoDismissal(SelectionAction[UnmatchedUsage]):
    """Let dismissed reports count again."""

    label = _("Undo dismissal of selected usage")
    verb = _("Undo dismissal")
    permission = REPROCESS
    limit = MAX_AT_ONCE

    def select(self, queryset: QuerySet[UnmatchedUsage]) -> QuerySet[UnmatchedUsage]:
        return queryset.filter(is_dismissed(), resolved_at__isnull=True).select_related(None).only("pk")

    def preview(self, reports: list[UnmatchedUsage]) -> Preview:
        nothing = [
            gettext("No one dismissed any of it. To let ignored usage count again, remove the rule that ignores it.")
        ]
        count = ngettext(
            "%(count)s report counts as unmatched usage again.",
            "%(count)s reports count as unmatched usage again.",
            len(reports),
        )
        return Preview(
            title=gettext("Undo dismissal of unmatched usage"),
            consequences=[count % {"count": format_number(len(reports))}],
            problems=() if reports else nothing,
        )

    def run(self, reports: list[UnmatchedUsage]) -> Response:
        count = undo_dismissal(report_ids=[report.pk for report in reports], at=database_time(), by=self.user)
        caches["memory"].delete_many([CACHE_KEY, NOT_SOLD_CACHE_KEY])
        text = ngettext("%(count)s dismissal is undone.", "%(count)s dismissals are undone.", count)
        return self.done(text % {"count": format_number(count)})


def _describe_status(usage: UnmatchedUsage) -> str:
    return gettext("Resolved.") if usage.resolved_at else _describe_dismissal(usage)


def _describe_dismissal(usage: UnmatchedUsage) -> str:
    """Return who dismissed a report, when and why, or the rule that ignores it; empty if it counts."""
    for dismissal in usage.current_dismissals:  # type: ignore[attr-defined]  # prefetched
        values = {"author": dismissal.who, "time": date_format(dismissal.dismissed_at, "DATETIME_FORMAT")}
        return gettext("Dismissed by %(author)s, %(time)s: %(reason)s") % (values | {"reason": dismissal.reason})
    if usage.ignore_rule:
        values = {"rule": str(usage.ignore_rule), "reason": usage.ignore_rule.reason}
        return gettext("Ignored by the rule “%(rule)s”: %(reason)s") % values
    return ""


@admin.register(UnmatchedUsage)
class UnmatchedUsageAdmin(ReadOnlyAdmin):
    seller_paths = ("customer__seller",)
    list_display = ("occurred_at", "event_name", "customer_ref", "reason_shown", "remedy")
    list_select_related = ("meter", "ignore_rule__meter")
    list_filter = (UnmatchedStatusFilter, "reason")
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
        "dismissed_shown",
    )
    list_before_template = "staff/metering/unmatched_usage_value.html"
    actions = ("try_again", "dismiss", "undo_dismissal")
    actions_list = ("try_all_again",)

    try_again = TryAgain.as_action()
    dismiss = Dismiss.as_action()
    undo_dismissal = UndoDismissal.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnmatchedUsage]:
        current = Dismissal.objects.current().select_related("by", "api_key")
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("dismissals", queryset=current, to_attr="current_dismissals"))
        )

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

    remedy = column(_("Remedy"), lambda usage: _describe_status(usage) or REMEDIES[usage.reason])
    dismissed_shown = column(_("Dismissed"), _describe_dismissal)

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
