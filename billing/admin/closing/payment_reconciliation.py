"""Reconciliation of payments: a seller's month at the payment providers and in our records, and what differs."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin.closing.seller_month import month_name
from billing.admin.revenue.report_choice import read_month
from billing.admin.seller_choice import read_seller_choice
from invoices.documents.calendar_months import month_before, month_bounds, month_of, next_month
from invoices.models import ProviderEvent
from invoices.models.payment_attempts import RefundProvider
from invoices.payments.reconciliation_report import (
    MAX_LISTED,
    SLOW_PAYMENT,
    SLOW_REFUND,
    Discrepancy,
    DiscrepancyKind,
    ProviderTotals,
    find_discrepancies,
    read_totals,
)
from lib.admin import page_url, require, staff_page
from lib.admin.seller_restriction import allowed_seller_ids, narrowed_to_sellers
from lib.formats import format_money

SEE = "invoices.view_paymentattempt"
TITLES = {
    DiscrepancyKind.NOT_RECORDED: gettext_lazy("Collected, but not recorded in full"),
    DiscrepancyKind.NO_REFERENCE: gettext_lazy("Recorded without the provider's reference"),
    DiscrepancyKind.UNMATCHED: gettext_lazy("Collected, but requested by no invoice"),
    DiscrepancyKind.FAILED_EVENT: gettext_lazy("Events that could not be processed"),
    DiscrepancyKind.SLOW_PAYMENT: gettext_lazy("Payments pending for more than %(days)s days"),
    DiscrepancyKind.SLOW_REFUND: gettext_lazy("Refunds pending for more than %(days)s days"),
}
DAYS = {DiscrepancyKind.SLOW_PAYMENT: SLOW_PAYMENT.days, DiscrepancyKind.SLOW_REFUND: SLOW_REFUND.days}


@narrowed_to_sellers
def page(request: HttpRequest) -> HttpResponseBase:
    """Show the totals of a seller's month by provider and currency, and a bounded list of discrepancies."""
    require(request, SEE)
    choice, at = read_seller_choice(request), timezone.now()
    context: dict[str, Any] = {"choice": choice, "most": MAX_LISTED}
    if choice.seller is not None:
        zone = ZoneInfo(choice.seller.time_zone)
        this_month = month_of(at.astimezone(zone).date())
        month = min(read_month(request.GET.get("month", "")) or this_month, this_month)
        start, end = month_bounds(month, zone)
        discrepancies = find_discrepancies(
            seller=choice.seller,
            start=start,
            end=end,
            at=at,
            # Events of the account of the settings may be of any seller.
            shows_shared_account=allowed_seller_ids(request) is None,
        )
        context |= {
            "as_of": at,
            "month": month,
            "name": month_name(month),
            "earlier": month_before(month),
            "later": next_month(month) if month < this_month else None,
            "totals": [_totals(row) for row in read_totals(seller=choice.seller, start=start, end=end)],
            "lists": [
                {
                    "title": TITLES[group.kind] % {"days": DAYS.get(group.kind, 0)},
                    "rows": [_discrepancy(row, zone) for row in group.rows],
                    "has_more": group.has_more,
                }
                for group in discrepancies
                if group.rows
            ],
        }
    return staff_page(request, "staff/closing/payments.html", title=_("Reconciliation of payments"), **context)


def _totals(row: ProviderTotals) -> dict[str, Any]:
    amounts = (row.collected, row.paid, row.kept, row.by_hand, row.refunded, row.returned, row.pending)
    return {
        "provider": RefundProvider(row.provider).label,
        "currency": row.currency,
        "amounts": [format_money(amount, row.currency) if amount else "" for amount in amounts],
        "difference": format_money(row.difference, row.currency),
        "differs": bool(row.difference),
    }


def _discrepancy(discrepancy: Discrepancy, zone: ZoneInfo) -> dict[str, Any]:
    row = discrepancy.row
    return {
        "url": page_url(row),
        "label": _label(row),
        "at": _local(discrepancy.at, zone),
        "amount": "" if discrepancy.amount is None else format_money(discrepancy.amount, discrepancy.currency),
    }


def _label(row: Any) -> str:
    if isinstance(row, ProviderEvent):
        return f"{row.kind}: {row.outcome}" if row.outcome else str(row)
    subject = getattr(row, "invoice", None) or getattr(row, "note", None) or row.customer
    return f"{subject}, {row.get_state_display()}"


def _local(at: datetime, zone: ZoneInfo) -> str:
    day: date = at.astimezone(zone).date()
    return date_format(day, "SHORT_DATE_FORMAT")
