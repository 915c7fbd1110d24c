"""Periods: due ones, failed ones with their errors, and closing by hand."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from billing.admin import dashboard
from billing.admin.closing import closing_status
from billing.admin.closing.closing_status import CLOSE
from billing.admin.closing.late_usage import LateColumns, amount_shown, is_about_late, newest_late, totals_shown
from billing.admin.closing.period_status import LatePolicyFilter, SellerFilter, StatusFilter, status_of
from billing.admin.closing.service_days import span_of
from billing.admin.metering.counters import usage_of
from billing.closing import ClosingFailed, PeriodNotOver, close_period
from billing.closing.late_usage.report import price_late_usage
from billing.models import Period
from billing.models.periods import PeriodState
from customers.admin.search import find_customer_ids
from customers.customer_time import current_time, loaded_current_time
from lib.formats import format_number

MAX_AT_ONCE = 200
"""Periods closed by hand in one request; an invoice run has no bound."""


@admin.register(Period)
class PeriodAdmin(ModelAdmin):
    list_display = ("span", "customer", "plan", "status", "due_at", "invoice_shown")
    list_filter = (StatusFilter, SellerFilter, LatePolicyFilter)
    list_select_related = (
        "subscription__customer__seller",
        "subscription__customer__test_clock",
        "version__plan",
        "invoice",
    )
    list_before_template = "staff/closing/late_totals.html"
    search_fields = ("subscription__external_id",)
    search_help_text = "The start of a subscription's id, or part of a customer's name"
    ordering = ("-pk",)
    actions = ("close_now",)
    actions_detail = ("close_this",)
    change_form_before_template = "staff/closing/period.html"

    @display(description="Period", ordering="starts_at")
    def span(self, period: Period) -> str:
        return span_of(period)

    @display(description="Customer")
    def customer(self, period: Period) -> str:
        return str(period.subscription.customer)

    @display(description="Plan")
    def plan(self, period: Period) -> str:
        return str(period.version)

    @display(description="Status", label={"failed": "danger", "due": "warning", "closed": "success", "late": "info"})
    def status(self, period: Period) -> tuple[str, str]:
        return status_of(period, at=_time(period, timezone.now()))

    @display(description="Invoice")
    def invoice_shown(self, period: Period) -> str:
        return str(period.invoice) if period.invoice else ""

    @display(description="Late usage")
    def late_row(self, period: Period) -> str:
        return amount_shown(period.late_row) if period.late_since else ""

    @display(description="What becomes of it")
    def late_policy(self, period: Period) -> str:
        return str(period.subscription.customer.seller.get_late_usage_display()) if period.late_since else ""

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.list_display, "late_row", "late_policy") if is_about_late(request) else self.list_display

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LateColumns if is_about_late(request) else super().get_changelist(request, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown: dict[str, Any] = {}
        if is_about_late(request):
            report = newest_late()
            shown = {"late_totals": totals_shown(report), "late_is_all": report.is_all}
        return super().changelist_view(request, shown | (extra_context or {}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Period]:
        related = ("subscription__customer__seller", "version__plan", "invoice")
        return super().get_queryset(request).select_related(*related)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        matches = Q(subscription__external_id__startswith=term) | Q(
            subscription__customer__in=find_customer_ids(term)
        )
        return queryset.filter(matches), False

    def get_fieldsets(self, request: HttpRequest, obj: Period | None = None) -> list[Any]:
        return []  # the template above the form shows everything

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        period = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if period is not None:
            kind, status_text = status_of(period, at=current_time(period.subscription.customer))
            shown = {
                "title": f"{self.span(period)} of {period.subscription.customer}",
                "period": period,
                "status": status_text,
                "status_kind": kind,
                "usage": usage_of(period),
                "late": [amount_shown(row) for row in price_late_usage([period])] if period.late_since else [],
            }
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        """Add the pages about all periods together."""
        view = self.admin_site.admin_view
        return [
            path("closing/", view(closing_status.page), name="closing"),
            path("usage/", view(dashboard.usage_chart), name="dashboard_usage"),
            *super().get_urls(),
        ]

    # Closing by hand -----------------------------------------------------------------------------------------

    @admin.action(description="Close now", permissions=["close"])
    def close_now(self, request: HttpRequest, queryset: QuerySet[Period]) -> HttpResponse | None:
        chosen = list(queryset.filter(state=PeriodState.OPEN).order_by("due_at", "pk")[: MAX_AT_ONCE + 1])
        if "confirmed" in request.POST:
            self._close(request, chosen[:MAX_AT_ONCE])
            return None
        ids = [(ACTION_CHECKBOX_NAME, str(period.pk)) for period in chosen]
        return self._ask(request, chosen, hidden=[("action", "close_now"), ("confirmed", "yes"), *ids])

    @action(description="Close now", icon="task_alt", permissions=["close"], variant=ActionVariant.PRIMARY)
    def close_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        period = self.get_object(request, object_id)
        if period is None:
            raise Http404(f"There is no period {object_id}.")
        if request.method == "POST":
            self._close(request, [period])
            return HttpResponseRedirect(reverse("admin:billing_period_change", args=[period.pk]))
        return self._ask(request, [period], back=reverse("admin:billing_period_change", args=[period.pk]))

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(CLOSE))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        period = self.get_object(request, str(object_id))
        is_open = (
            period is not None
            and period.state == PeriodState.OPEN
            and period.ends_at <= current_time(period.subscription.customer)
        )
        return super().get_actions_detail(request, object_id) if is_open else []

    def _ask(self, request: HttpRequest, chosen: list[Period], **options: Any) -> HttpResponse:
        now, count = timezone.now(), len(chosen)
        early = sum(period.ends_at <= _time(period, now) < period.due_at for period in chosen)
        consequences = [
            f"{format_number(count)} period{'s are' if count != 1 else ' is'} closed and invoiced, each at most "
            "once.",
            "The invoices are issued and numbered, and do not change after that.",
        ]
        if early:
            consequences.append(
                f"{format_number(early)} of them would have waited for stragglers, which are late then."
            )
        return self.admin_site.confirmation(
            request,
            page=self,
            title=f"Close {format_number(count)} period{'s' if count != 1 else ''}",
            consequences=consequences,
            problems=_obstacles(chosen, now=now),
            verb=f"Close {format_number(count)} period{'s' if count != 1 else ''}",
            **options,
        )

    def _close(self, request: HttpRequest, periods: list[Period]) -> None:
        invoices, failures = 0, []
        for period in periods:
            try:
                invoices += (
                    close_period(period_id=period.pk, at=current_time(period.subscription.customer)) is not None
                )
            except (ClosingFailed, PeriodNotOver) as failure:
                failures.append(f"{period.subscription.customer}, {self.span(period)}: {failure}")
        closed = len(periods) - len(failures)
        if closed:
            messages.success(request, f"{closed} period{'s' * (closed != 1)} closed, {invoices} with an invoice.")
        for failure in failures[:5]:
            messages.error(request, failure)
        if len(failures) > 5:
            messages.error(request, f"{len(failures) - 5} more failed; the list says why.")

    # Periods follow from their subscription ---------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Period | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Period | None = None) -> bool:
        return False


def _time(period: Period, now: datetime) -> datetime:
    return loaded_current_time(period.subscription.customer, now=now)


def _obstacles(chosen: list[Period], *, now: datetime) -> list[str]:
    if not chosen:
        return ["None of the chosen periods is open."]
    if len(chosen) > MAX_AT_ONCE:
        return [f"More than {MAX_AT_ONCE} periods are too many for one page: use the closing page instead."]
    running = sum(period.ends_at > _time(period, now) for period in chosen)
    return (
        [f"{format_number(running)} of them are not over yet: choose only periods that have ended."]
        if running
        else []
    )
