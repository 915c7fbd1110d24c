"""Late usage in the admin: amounts in lists of periods, in total, and per customer."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from billing.admin.closing.service_days import days
from billing.admin.figure_cache import read_cached
from billing.closing.late_usage.report import LateReport, LateUsageRow, price_late_usage, report_late_usage
from customers.models import Customer
from customers.models.sellers import LateUsage as Policy
from lib.formats import format_money

# The report reads every late period, so visits within a minute share one reading.
FRESH_SECONDS = 60
MAX_ROWS = 20


def add_late_rows(periods: Sequence[Any]) -> None:
    """Read the amounts of late usage of these periods, and keep each on its period."""
    late_periods = [period for period in periods if period.late_since]
    for period, row in zip(late_periods, price_late_usage(late_periods), strict=True):
        period.late_row = row


def is_about_late(request: HttpRequest) -> bool:
    """Return whether a list of periods is filtered by late usage."""
    return request.GET.get("status") == "late" or bool(request.GET.get("late"))


def amount_shown(row: LateUsageRow) -> str:
    """Return the amount of late usage, with its sign."""
    if row.amount is None:
        return _("unknown: %(problem)s") % {"problem": row.problem}
    return signed(row.amount, row.currency)


def signed(amount: Decimal, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{format_money(amount, currency)}"


def newest_late() -> LateReport:
    """Return late usage of live customers, at most a minute old."""
    return read_cached("staff:late", FRESH_SECONDS, report_late_usage)


def totals_shown(report: LateReport) -> list[dict[str, str]]:
    """Return a row per policy: its label, and its amounts by currency."""
    return [
        {
            "policy": str(policy.label),
            "code": policy.value,
            "amounts": get_text_list(
                [
                    signed(amount, currency)
                    for (policy_code, currency), amount in sorted(report.totals.items())
                    if policy_code == policy.value
                ],
                _("and"),
            ),
            "periods": str(sum(row.policy == policy.value for row in report.rows)),
        }
        for policy in Policy
        if any(row.policy == policy.value for row in report.rows)
    ]


def late_periods_of(customer: Customer) -> list[dict[str, Any]]:
    """Return the late periods of one customer, the latest first."""
    zone = ZoneInfo(customer.time_zone)
    report = report_late_usage(sandbox=customer.sandbox, customer=customer.external_id)
    return [
        {
            "period_id": row.period_id,
            "span": days(row.starts_at, row.ends_at, zone),
            "amount": amount_shown(row),
            "policy": str(Policy(row.policy).label),
        }
        for row in report.rows[:MAX_ROWS]
    ]
