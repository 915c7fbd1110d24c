"""Billing periods: due ones, failed ones with their errors, and closing by hand."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin import dashboard
from billing.admin.closing import closing_status
from billing.admin.closing.closing_by_hand import ClosePeriod, ClosePeriods, time_of
from billing.admin.closing.late_usage import add_late_rows, amount_shown, is_about_late, newest_late, totals_shown
from billing.admin.closing.period_status import LatePolicyFilter, SellerFilter, StatusFilter, status_of
from billing.admin.closing.service_days import span_of
from billing.admin.subscriptions.subscription_action import SubscriptionRowsAdmin
from billing.closing.late_usage.report import price_late_usage
from billing.models import Accrual, Counter, Period, SplitValue
from customers.customer_time import current_time
from lib.admin.columns import column, display, text_column
from plans.catalog.stored_terms import FREE_RATE
from plans.models import Rate
from plans.pricing.price_splits import listed_key, split_position

# A split price may have ten thousand counters; the page shows those with the most events.
MAX_COUNTERS = 200

COLORS = {"failed": "danger", "due": "warning", "closed": "success", "late": "info"}


@admin.register(Period)
class PeriodAdmin(SubscriptionRowsAdmin):
    """Periods follow from their subscription."""

    seller_paths = ("subscription__seller",)
    list_display = ("span", "customer", "plan", "status", "due_at", "invoice_shown")
    list_filter = (StatusFilter, SellerFilter, LatePolicyFilter)
    list_select_related = (
        "subscription__customer",
        "subscription__seller",
        "subscription__customer__test_clock",
        "version__plan",
        "invoice",
    )
    list_before_template = "staff/closing/late_totals.html"
    actions = ("close_now",)
    actions_detail = ("close_this",)
    has_form = False
    change_form_before_template = "staff/closing/period.html"
    further_pages = (
        ("closing/", closing_status.page, "closing"),
        ("usage/", dashboard.usage_chart, "dashboard_usage"),
        ("health/", dashboard.details, "dashboard_details"),
    )

    close_now = ClosePeriods.as_action()
    close_this = ClosePeriod.as_action()

    empty_text = _("Each subscription has a period for every billing cycle. Add a subscription to begin.")

    plan = text_column("version", _("Plan"))
    span = column(_("Period"), span_of, ordering="starts_at")

    @display(
        description=_("Status"), label={"failed": "danger", "due": "warning", "closed": "success", "late": "info"}
    )
    def status(self, period: Period) -> tuple[str, str]:
        return status_of(period, at=time_of(period, timezone.now()))

    invoice_shown = column(_("Invoice"), lambda period: str(period.invoice) if period.invoice else "")
    late_row = column(_("Late usage"), lambda period: amount_shown(period.late_row) if period.late_since else "")

    @display(description=_("Late usage policy"))
    def late_policy(self, period: Period) -> str:
        return str(period.subscription.seller.get_late_usage_display()) if period.late_since else ""

    def own_columns(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.list_display, "late_row", "late_policy") if is_about_late(request) else self.list_display

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        if is_about_late(request):
            add_late_rows(rows)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown: dict[str, Any] = {}
        if is_about_late(request):
            report = newest_late()
            shown = {"late_totals": totals_shown(report), "late_is_all": report.is_all}
        response: HttpResponse = super().changelist_view(request, shown | (extra_context or {}))
        return response

    def page_context(self, request: HttpRequest, period: Period) -> dict[str, Any]:
        kind, status_text = status_of(period, at=current_time(period.subscription.customer))
        return {
            "title": f"{period.subscription.customer}, {span_of(period)}",
            "period": period,
            "status": status_text,
            "status_kind": kind,
            "usage": usage_of(period),
            "unrated": Accrual.objects.failed().filter(period=period).order_by("month")[:MAX_COUNTERS],
            "late": [amount_shown(row) for row in price_late_usage([period])] if period.late_since else [],
        }


def usage_of(period: Period) -> list[tuple[Counter, str]]:
    """Return the largest counters of a period, each with the name of its rate, in three queries."""
    counters = sorted(
        Counter.objects.filter(period=period)
        .select_related("plan_feature__feature__meter")
        .order_by("-events")[:MAX_COUNTERS],
        key=lambda counter: (counter.plan_feature.position, counter.rate_id, counter.window_start),
    )
    rates = Rate.objects.in_bulk({listed_key(counter.rate_id) for counter in counters} - {FREE_RATE})
    values = {
        (value.plan_feature_id, value.position): str(value) for value in SplitValue.objects.filter(period=period)
    }

    def name(counter: Counter) -> str:
        rate = str(rates.get(listed_key(counter.rate_id), gettext("included only")))
        value = values.get((counter.plan_feature_id, split_position(counter.rate_id)))
        return f"{rate}: {value}" if value else rate

    return [(counter, name(counter)) for counter in counters]
