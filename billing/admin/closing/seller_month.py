"""A seller's month on staff pages: the points of its checklist in words, with links to their rows, and its lock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models import Job
from billing.models.jobs import JobKind
from billing.revenue.month_end.checklist import ChecklistPoint
from billing.revenue.month_end.month_figures import read_month_figures
from customers.models import Seller
from invoices.documents.calendar_months import next_month
from invoices.models import MonthLock
from lib.formats import format_money, format_number
from lib.translation import Text


@dataclass(frozen=True, slots=True)
class SellerMonth:
    """A seller's month, with the links of its checklist."""

    seller: Seller
    month: date

    @property
    def address(self) -> str:
        return reverse("admin:month_end_month", args=[self.seller.pk, f"{self.month:%Y-%m}"])

    def rows(self, page: str, **filters: Any) -> str:
        return f"{reverse(f'admin:{page}_changelist')}?{urlencode(filters)}"

    def documents(self, **filters: Any) -> str:
        dates = {"issue_date_from": self.month, "issue_date_to": next_month(self.month) - timedelta(days=1)}
        return self.rows("invoices_invoice", seller__id__exact=self.seller.pk, sandbox__exact=0, **dates, **filters)

    def periods(self, status: str) -> str:
        return self.rows("billing_period", status=status, seller=self.seller.pk)

    def postings(self, currency: str, **filters: Any) -> str:
        """Return the link to the postings behind a figure in a currency."""
        chosen = {"seller": self.seller.code, "currency": currency}
        return f"{reverse('admin:revenue_rows')}?{urlencode(chosen | filters)}"

    @property
    def name(self) -> str:
        return month_name(self.month)


def month_name(month: date) -> str:
    return date_format(month, "YEAR_MONTH_FORMAT")


POINT_TEXTS: dict[str, tuple[Text, Text, Callable[[SellerMonth], str]]] = {
    "periods_open": (
        _("Periods to invoice"),
        _("They end within the month. Workers invoice them after the grace period; an invoice run does so now."),
        lambda seller_month: seller_month.periods("due"),
    ),
    "periods_failed": (
        _("Failed periods"),
        _("Each shows its error. Fix the cause, then invoice the period again."),
        lambda seller_month: seller_month.periods("failed"),
    ),
    "drafts": (
        _("Drafts"),
        _("Invoices of the month that are not issued."),
        lambda seller_month: seller_month.rows(
            "invoices_invoice", state__exact="draft", seller__id__exact=seller_month.seller.pk
        ),
    ),
    "accruals_failed": (
        _("Revenue that can't be computed"),
        _("The usage of these periods can't be rated by the end of the month. Each shows its error."),
        lambda seller_month: seller_month.periods("unrated"),
    ),
    "unmapped": (
        _("Unmapped amounts"),
        _("No account, in a target in use. After the lock, only the finance approver can map them."),
        lambda seller_month: reverse("admin:billing_accountmapping_unmapped"),
    ),
    "earlier_open": (
        _("Earlier open months"),
        _("Months are locked in order."),
        lambda seller_month: reverse("admin:month_end"),
    ),
    "payments_pending": (
        _("Payments without an outcome"),
        _("The provider has not said whether it collected them. It is asked again."),
        lambda seller_month: seller_month.rows("invoices_paymentattempt", state__exact="pending"),
    ),
    "payments_unmatched": (
        _("Unmatched payments"),
        _("The provider collected them, but no invoice asked for them. Record them, or refund them there."),
        lambda seller_month: seller_month.rows("invoices_providerevent", match="unmatched"),
    ),
    "unmatched_usage": (
        _("Unmatched usage"),
        _("Events without a price. They are billed as late usage once a price covers them."),
        lambda seller_month: seller_month.rows("billing_unmatchedusage"),
    ),
    "late_usage": (
        _("Late usage"),
        _("It arrived after its period was invoiced. The seller's policy decides whether it is billed."),
        lambda seller_month: seller_month.periods("late"),
    ),
    "without_file": (
        _("Missing PDFs"),
        _("Not created yet, or failed; the invoice shows the reason."),
        lambda seller_month: seller_month.documents(file="missing"),
    ),
    "not_sent": (
        _("Failed deliveries"),
        _("Webhooks and emails about the month's invoices. They are retried for a while."),
        lambda seller_month: seller_month.rows("customers_delivery", state__exact="given_up"),
    ),
    "overpaid": (
        _("Overpaid invoices"),
        _("They were paid before a credit note of the month, and the refund is still pending."),
        lambda seller_month: seller_month.documents(kind__exact="credit_note"),
    ),
    "approvals": (
        _("Pending approvals"),
        _("Requests of this seller, or of all sellers, that await a second person."),
        lambda seller_month: f"{reverse('admin:access_approvalrequest_changelist')}?state__exact=waiting",
    ),
    "audit_missing": (
        _("Audit not run yet"),
        _("Run all integrity checks after the end of the month."),
        lambda seller_month: seller_month.rows("billing_job", kind__exact=JobKind.AUDIT.value),
    ),
    "audit_violated": (
        _("Failed integrity checks"),
        _("Found by the latest audit since the end of the month. Ask an engineer."),
        lambda seller_month: seller_month.rows("billing_job", kind__exact=JobKind.AUDIT.value),
    ),
}
"""Checklist point → title, note, and link to its rows."""


def point_shown(point: ChecklistPoint, seller_month: SellerMonth) -> dict[str, Any]:
    """Return a point for the page, with its texts, and a link to its rows while it is open."""
    title, note, link = POINT_TEXTS[point.code]
    return {"point": point, "title": title, "note": note, "link": link(seller_month) if point.is_open else ""}


def find_seller_month(seller_id: int, month: str) -> SellerMonth:
    """
    Return the month of a seller that an address names.

    :raises Http404: if there is no such seller, or the text is no month.
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise Http404(f"“{month}” is not a month such as 2026-01.") from None
    return SellerMonth(get_object_or_404(Seller, pk=seller_id), first)


def find_lock(seller_month: SellerMonth) -> MonthLock | None:
    """Return the lock in force of a month."""
    locks = MonthLock.objects.filter(seller=seller_month.seller, month=seller_month.month, unlocked_at__isnull=True)
    return locks.select_related("locked_by").first()


def find_freezing_job(lock: MonthLock) -> Job | None:
    """Return the job that freezes a month's postings."""
    return Job.objects.filter(kind=JobKind.MONTH_LOCK, parameters__lock=lock.pk).order_by("-pk").first()


def freezing_sentence(seller_month: SellerMonth) -> str:
    """Return the postings of a month that a lock freezes, by currency, and the number of their sources."""
    figures = read_month_figures(seller_month.seller, seller_month.month, lock=None, at=timezone.now())
    if not figures.freezable:
        return gettext("%(seller)s has no postings in this month; the lock freezes it empty.") % {
            "seller": seller_month.seller
        }
    values = {
        "seller": seller_month.seller,
        "postings": format_number(sum(row.postings for row in figures.freezable)),
        "sources": format_number(sum(row.sources for row in figures.freezable)),
        "moved": get_text_list([format_money(row.moved, row.currency) for row in figures.freezable], gettext("and")),
        "earned": get_text_list(
            [format_money(row.earned, row.currency) for row in figures.currencies if row.earned] or ["–"],
            gettext("and"),
        ),
    }
    text = gettext(
        "%(seller)s: a job freezes %(postings)s postings from %(sources)s sources, %(moved)s in sum, of which"
        " %(earned)s is earned, while invoices continue to be issued."
    )
    return text % values
