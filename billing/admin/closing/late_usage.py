"""Late usage in the admin: what it comes to in lists of periods, in all, and with one customer."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.http import HttpRequest
from unfold.views import ChangeList

from billing.admin.closing.service_days import days
from billing.closing.late_usage.report import LateReport, LateUsageRow, price_late_usage, report_late_usage
from customers.models import Customer
from customers.models.sellers import LateUsage as Policy
from lib.formats import format_money

FRESH_SECONDS = 60
MOST_ROWS = 20


class LateColumns(ChangeList):
    """A list of periods that tells of the late ones on the page shown what they come to, where it is about those."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if is_about_late(request):
            late = [one for one in self.result_list if one.late_since]
            for period, worth in zip(late, price_late_usage(late), strict=True):
                period.late_worth = worth


def is_about_late(request: HttpRequest) -> bool:
    """Tell whether a list of periods is asked for late ones."""
    return request.GET.get("status") == "late" or bool(request.GET.get("late"))


def amount_shown(one: LateUsageRow) -> str:
    """Return what late usage comes to, with its sign."""
    if one.amount is None:
        return f"not known: {one.problem}"
    return signed(one.amount, one.currency)


def signed(amount: Decimal, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{format_money(amount, currency)}"


def newest_late() -> LateReport:
    """Return what is late with live customers, a minute old at most."""
    return cache.get_or_set("staff:late", report_late_usage, FRESH_SECONDS)


def totals_shown(report: LateReport) -> list[dict[str, str]]:
    """Return a row for each policy: what becomes of its late usage, and what that comes to in each currency."""
    return [
        {
            "policy": str(policy.label),
            "code": policy.value,
            "amounts": " and ".join(
                signed(amount, currency)
                for (of, currency), amount in sorted(report.totals.items())
                if of == policy.value
            ),
            "periods": str(sum(one.policy == policy.value for one in report.rows)),
        }
        for policy in Policy
        if any(one.policy == policy.value for one in report.rows)
    ]


def of_customer(customer: Customer) -> list[dict[str, Any]]:
    """Return the late periods of one customer, the latest first."""
    zone = ZoneInfo(customer.time_zone)
    report = report_late_usage(sandbox=customer.sandbox, customer=customer.external_id)
    return [
        {
            "period_id": one.period_id,
            "span": days(one.starts_at, one.ends_at, zone),
            "amount": amount_shown(one),
            "policy": str(Policy(one.policy).label),
        }
        for one in report.rows[:MOST_ROWS]
    ]
