"""Month end: the status of all sellers' months, the checklist of one month, and its lock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.closing import invoice_run, pdf_archives
from billing.audit.job import AUDIT
from billing.closing.pdf_archives.selection import select_month
from billing.models import Job
from billing.models.jobs import JobKind
from billing.revenue import month_end
from billing.revenue.month_end.checklist import MAX_COUNTED, ChecklistPoint
from billing.revenue.month_end.month_lock import obstacles, points_of_lock
from billing.revenue.month_end.overview import MonthStatus, read_overview
from customers.models import Seller
from invoices.documents.calendar_months import month_bounds, next_month
from invoices.documents.locked_months import MonthLockRefused, sum_documents, unlock_month
from invoices.models import DocumentKind, MonthLock
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, require, staff_page
from lib.admin.columns import column, display
from lib.formats import format_money, format_number
from lib.translation import Text

SEE, LOCK, UNLOCK = "invoices.view_monthlock", "invoices.lock_month", "invoices.unlock_month"
MONTH_ROUTE = "month-end/<int:seller_id>/<str:month>/"
KIND_PLURALS = {DocumentKind.INVOICE: _("Invoices"), DocumentKind.CREDIT_NOTE: _("Credit notes")}


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
    "earlier_open": (
        _("Earlier open months"),
        _("Months are locked in order."),
        lambda seller_month: reverse("admin:month_end"),
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
        _("New prices of any seller that wait for approval."),
        lambda seller_month: reverse("admin:plans_planversion_changelist"),
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


class MonthAction(ConfirmedAction[SellerMonth]):
    """An action on a month of a seller; it leads back to the month."""

    refusals = (MonthLockRefused,)

    def find(self, *, seller_id: int, month: str) -> SellerMonth:
        return _find_seller_month(seller_id, month)


class LockMonth(MonthAction):
    permission = LOCK

    def preview(self, seller_month: SellerMonth) -> Preview:
        checklist = month_end.read_checklist(seller=seller_month.seller, month=seller_month.month)
        return Preview(
            title=gettext("Lock %(month)s of %(seller)s")
            % {"month": seller_month.name, "seller": seller_month.seller},
            consequences=[
                gettext("No invoice or credit note can be dated in this month; new ones get a later date."),
                gettext("Usage of this month that arrives from now on is billed on later invoices."),
                gettext("The checklist and the totals of the month are saved as they are now."),
                gettext("The month's postings are frozen by a job, while invoices continue to be issued."),
                gettext("Later changes to this month are booked in the first open one and name this month."),
                gettext("Only the finance approver can unlock it, with a reason, until the next month is locked."),
            ],
            problems=obstacles(checklist),
            verb=gettext("Lock %(month)s") % {"month": seller_month.name},
            back=seller_month.address,
        )

    def run(self, seller_month: SellerMonth) -> Response:
        month_end.lock_checked_month(
            seller=seller_month.seller,
            month=seller_month.month,
            note=self.reason,
            by=self.user,
            at=timezone.now(),
        )
        text = gettext("%(month)s is locked; its postings are being frozen.") % {"month": seller_month.name}
        return self.done(text, to=seller_month.address)


class UnlockMonth(MonthAction):
    permission = UNLOCK
    danger = True
    missing_reason = _("Enter the reason; it is kept with the lock.")

    def preview(self, seller_month: SellerMonth) -> Preview:
        is_locked = find_lock(seller_month) is not None
        return Preview(
            title=gettext("Unlock %(month)s of %(seller)s")
            % {"month": seller_month.name, "seller": seller_month.seller},
            consequences=[
                gettext("Invoices can be dated in this month again, as far as the order of their numbers allows."),
                gettext("The lock stays in the list of locks, with its author, its time, and your reason."),
                gettext("Its frozen postings stay and count in no report; the next lock freezes new ones."),
            ],
            problems=[] if is_locked else [gettext("%(month)s is not locked.") % {"month": seller_month.name}],
            verb=gettext("Unlock %(month)s") % {"month": seller_month.name},
            back=seller_month.address,
        )

    def run(self, seller_month: SellerMonth) -> Response:
        if (lock := find_lock(seller_month)) is None:
            return None
        unlock_month(lock_id=lock.pk, reason=self.reason, by=self.user, at=timezone.now())
        text = gettext("%(month)s is unlocked.") % {"month": seller_month.name}
        return self.done(text, to=seller_month.address)


@admin.register(MonthLock)
class MonthLockAdmin(ReadOnlyAdmin):
    """The list of locks; the pages of months are reached from it, and they alone create and release locks."""

    seller_paths = ("seller",)
    list_display = ("name", "seller", "stands", "locked_by", "locked_at", "unlocked_by", "unlocked_at")
    list_filter = ("seller",)
    list_select_related = ("seller", "locked_by", "unlocked_by")
    ordering = ("-month", "-pk")
    fields = ("seller", "month", "note", "locked_by", "locked_at", "unlock_reason", "unlocked_by", "unlocked_at")

    further_pages = (
        ("month-end/", "months", "month_end"),
        (MONTH_ROUTE, "month", "month_end_month"),
        (f"{MONTH_ROUTE}lock/", "lock", "month_end_lock"),
        (f"{MONTH_ROUTE}unlock/", "unlock", "month_end_unlock"),
        (f"{MONTH_ROUTE}print/", "print", "month_end_print"),
    )

    lock = LockMonth.as_action()
    unlock = UnlockMonth.as_action()

    empty_text = _("Months are locked from the month-end checklist.")

    name = column(_("Month"), lambda lock: month_name(lock.month), ordering="month")

    @display(description=_("State"), label={"locked": "success", "unlocked": "warning"})
    def stands(self, lock: MonthLock) -> tuple[str, str]:
        if lock.unlocked_at is None:
            return "locked", gettext("locked")
        return "unlocked", gettext("unlocked")

    def months(self, request: HttpRequest) -> HttpResponse:
        """Show the status of the last months of all sellers."""
        require(request, SEE)
        sellers, rows = read_overview(at=timezone.now())
        shown = [(row[0].month, [(status, *_state(status)) for status in row]) for row in rows if row]
        return staff_page(
            request, "staff/closing/months.html", title=gettext("Month end"), sellers=sellers, rows=shown
        )

    def month(self, request: HttpRequest, seller_id: int, month: str) -> HttpResponse:
        """Show the checklist of a month, the totals of its invoices, and its lock."""
        require(request, SEE)
        seller_month = _find_seller_month(seller_id, month)
        lock = find_lock(seller_month)
        points = (
            points_of_lock(lock)
            if lock
            else month_end.read_checklist(seller=seller_month.seller, month=seller_month.month)
        )
        has_permission = request.user.has_perm
        context = {
            "place": seller_month,
            "lock": lock,
            "points": [point_shown(point, seller_month) for point in points],
            "most_counted": MAX_COUNTED,
            "is_over": timezone.now() >= month_bounds(seller_month.month, ZoneInfo(seller_month.seller.time_zone))[1],
            "is_blocked": any(point.prevents_lock for point in points),
            "sums": [_sum_shown(row) for row in sum_documents(seller_month.seller, seller_month.month)],
            "earlier": MonthLock.objects.filter(
                seller=seller_month.seller, month=seller_month.month, unlocked_at__isnull=False
            )
            .select_related("locked_by", "unlocked_by")
            .order_by("-pk"),
            "freezing": _find_freezing_job(lock) if lock and lock.frozen_at is None else None,
            "audit": Job.objects.filter(kind=JobKind.AUDIT).order_by("-pk").first(),
            "may_lock": has_permission(LOCK),
            "may_unlock": has_permission(UNLOCK),
            "may_close": has_permission(invoice_run.CLOSE),
            "may_print": has_permission(pdf_archives.PRINT),
            "may_audit": has_permission(AUDIT.permission),
        }
        title = gettext("%(month)s of %(seller)s") % {"month": seller_month.name, "seller": seller_month.seller}
        return staff_page(request, "staff/closing/month.html", title=title, **context)

    def print(self, request: HttpRequest, seller_id: int, month: str) -> HttpResponse:
        """Render the missing PDFs of the month; the job offers all of them as archives."""
        if request.method != "POST":
            raise Http404("PDFs are made by a button.")
        seller_month = _find_seller_month(seller_id, month)
        title = gettext("PDFs of %(seller)s, %(month)s") % {"month": seller_month.name, "seller": seller_month.seller}
        return pdf_archives.start(
            request, selected=select_month(seller_month.seller, seller_month.month), title=title
        )


def find_lock(seller_month: SellerMonth) -> MonthLock | None:
    """Return the lock in force of a month."""
    locks = MonthLock.objects.filter(seller=seller_month.seller, month=seller_month.month, unlocked_at__isnull=True)
    return locks.select_related("locked_by").first()


def _find_freezing_job(lock: MonthLock) -> Job | None:
    """Return the job that freezes a month's postings."""
    return Job.objects.filter(kind=JobKind.MONTH_LOCK, parameters__lock=lock.pk).order_by("-pk").first()


def _find_seller_month(seller_id: int, month: str) -> SellerMonth:
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise Http404(f"“{month}” is not a month such as 2026-01.") from None
    return SellerMonth(get_object_or_404(Seller, pk=seller_id), first)


def _state(status: MonthStatus) -> tuple[str, str]:
    """Return the status of a month as (color, text)."""
    if status.lock is not None:
        return "good", gettext("locked")
    if status.failed:
        return "bad", gettext("%(count)s failed") % {"count": format_number(status.failed)}
    if status.open:
        text = gettext("%(count)s to invoice") % {"count": format_number(status.open)}
        return "warn" if status.is_over else "", text
    return "", gettext("ready to lock") if status.is_over else gettext("open month")


def _sum_shown(row: dict[str, Any]) -> dict[str, str]:
    """Return the totals of invoices of one kind and currency, as text."""
    figures = {name: format_money(Decimal(row[name]), row["currency"]) for name in ("net", "tax", "total")}
    kind = KIND_PLURALS[DocumentKind(row["kind"])]
    return {"kind": str(kind), "documents": format_number(row["documents"]), **figures}
