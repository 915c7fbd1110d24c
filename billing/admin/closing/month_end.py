"""Month end: the page of all sellers, the checklist of one seller's month, and its lock."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from billing.admin.closing import invoice_run, month_page, payment_reconciliation, pdf_archives
from billing.admin.closing.seller_month import (
    SellerMonth,
    find_freezing_job,
    find_lock,
    find_seller_month,
    freezing_sentence,
    month_name,
    point_shown,
)
from billing.audit.job import AUDIT
from billing.closing.pdf_archives.selection import select_month
from billing.models import Job
from billing.models.jobs import JobKind
from billing.revenue import month_end
from billing.revenue.month_end.checklist import MAX_COUNTED
from billing.revenue.month_end.month_lock import obstacles, points_of_lock
from invoices.documents.acts import UnlockMonth
from invoices.documents.calendar_months import month_bounds
from invoices.documents.locked_months import MonthLockRefused, sum_documents
from invoices.models import DocumentKind, MonthLock
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, require, staff_page
from lib.admin.columns import column, display
from lib.admin.seller_restriction import allowed_seller_ids, narrowed_to_sellers
from lib.formats import format_money, format_number

SEE, LOCK, UNLOCK = "invoices.view_monthlock", "invoices.lock_month", "invoices.unlock_month"
MONTH_ROUTE = "month-end/<int:seller_id>/<str:month>/"
KIND_PLURALS = {DocumentKind.INVOICE: _("Invoices"), DocumentKind.CREDIT_NOTE: _("Credit notes")}


@dataclass(frozen=True, slots=True)
class MonthOfSellers:
    """A month of one seller or several, to be locked together."""

    months: tuple[SellerMonth, ...]

    @property
    def address(self) -> str:
        first = self.months[0]
        if len(self.months) == 1:
            return first.address
        return f"{reverse('admin:month_end')}?month={first.month:%Y-%m}"

    @property
    def sellers(self) -> str:
        return get_text_list([str(seller_month.seller) for seller_month in self.months], gettext("and"))


class LockMonth(ConfirmedAction[MonthOfSellers]):
    """Lock a month of one seller, or of those that were chosen on the page of all sellers: all of them, or none."""

    permission = LOCK
    refusals = (MonthLockRefused,)

    def find(self, *, seller_id: int | None = None, month: str) -> MonthOfSellers:
        chosen = [seller_id] if seller_id else _numbers(self.request.GET.getlist("seller"))
        if not chosen:
            raise Http404("Choose the sellers whose month is to be locked.")
        allowed_ids = allowed_seller_ids(self.request)
        if allowed_ids is not None and not allowed_ids.issuperset(chosen):
            raise Http404("There is no such seller.")
        return MonthOfSellers(tuple(find_seller_month(number, month) for number in chosen))

    def preview(self, subject: MonthOfSellers) -> Preview:
        name = subject.months[0].name
        checklists = [
            month_end.read_checklist(seller=seller_month.seller, month=seller_month.month)
            for seller_month in subject.months
        ]
        reasons = [
            reason if len(subject.months) == 1 else f"{seller_month.seller}: {reason}"
            for seller_month, checklist in zip(subject.months, checklists, strict=True)
            for reason in obstacles(checklist)
        ]
        return Preview(
            title=gettext("Lock %(month)s of %(seller)s") % {"month": name, "seller": subject.sellers},
            consequences=[
                *(freezing_sentence(seller_month) for seller_month in subject.months),
                gettext("No invoice or credit note can be dated in this month; new ones get a later date."),
                gettext("Usage of this month that arrives from now on is billed on later invoices."),
                gettext("The checklist and the totals of the month are saved as they are now."),
                gettext("Later changes to this month are booked in the first open one and name this month."),
                gettext("Only the finance approver can unlock it, with a reason, until the next month is locked."),
            ],
            problems=reasons,
            verb=gettext("Lock %(month)s") % {"month": name},
            back=subject.address,
        )

    def run(self, subject: MonthOfSellers) -> Response:
        with transaction.atomic():
            for seller_month in subject.months:
                month_end.lock_checked_month(
                    seller=seller_month.seller,
                    month=seller_month.month,
                    note=self.reason,
                    by=self.user,
                    at=timezone.now(),
                )
        text = gettext("%(month)s is locked; its postings are being frozen.") % {"month": subject.months[0].name}
        return self.done(text, to=subject.address)


class UnlockAction(ApprovableAction[SellerMonth]):
    permission = UNLOCK
    refusals = (MonthLockRefused,)
    danger = True
    missing_reason = _("Enter the reason; it is kept with the lock.")

    def find(self, *, seller_id: int, month: str) -> SellerMonth:
        return find_seller_month(seller_id, month)

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
        return super().run(seller_month) if find_lock(seller_month) else None

    def act(self, seller_month: SellerMonth) -> Act[MonthLock]:
        lock = find_lock(seller_month)
        assert lock is not None  # noqa: S101  `run` has looked
        return UnlockMonth(lock_id=lock.pk, reason=self.reason)

    def report(self, seller_month: SellerMonth, lock: MonthLock) -> Response:
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
        ("payments/", payment_reconciliation.page, "payment_reconciliation"),
        (MONTH_ROUTE, "month", "month_end_month"),
        (f"{MONTH_ROUTE}lock/", "lock", "month_end_lock"),
        ("month-end/<str:month>/lock/", "lock", "month_end_lock_sellers"),
        (f"{MONTH_ROUTE}unlock/", "unlock", "month_end_unlock"),
        (f"{MONTH_ROUTE}print/", "print", "month_end_print"),
    )

    lock = narrowed_to_sellers(LockMonth.as_action())
    unlock = UnlockAction.as_action()

    empty_text = _("Months are locked from the month-end checklist.")

    name = column(_("Month"), lambda lock: month_name(lock.month), ordering="month")

    @display(description=_("State"), label={"locked": "success", "unlocked": "warning"})
    def stands(self, lock: MonthLock) -> tuple[str, str]:
        if lock.unlocked_at is None:
            return "locked", gettext("locked")
        return "unlocked", gettext("unlocked")

    @narrowed_to_sellers
    def months(self, request: HttpRequest) -> HttpResponse:
        """Show a month of all sellers: its checklist, its figures, its lock and its files."""
        require(request, SEE)
        may_audit = allowed_seller_ids(request) is None and request.user.has_perm(AUDIT.permission)
        return month_page.page(request, may_lock=request.user.has_perm(LOCK), may_audit=may_audit)

    def month(self, request: HttpRequest, seller_id: int, month: str) -> HttpResponse:
        """Show the checklist of a month, the totals of its invoices, and its lock."""
        require(request, SEE)
        seller_month = find_seller_month(seller_id, month)
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
            "freezing": find_freezing_job(lock) if lock and lock.frozen_at is None else None,
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
        seller_month = find_seller_month(seller_id, month)
        title = gettext("PDFs of %(seller)s, %(month)s") % {"month": seller_month.name, "seller": seller_month.seller}
        return pdf_archives.start(
            request, selected=select_month(seller_month.seller, seller_month.month), title=title
        )


def _numbers(texts: list[str]) -> list[int]:
    return [int(text) for text in dict.fromkeys(texts) if text.isdecimal()]


def _sum_shown(row: dict[str, Any]) -> dict[str, str]:
    """Return the totals of invoices of one kind and currency, as text."""
    figures = {name: format_money(Decimal(row[name]), row["currency"]) for name in ("net", "tax", "total")}
    kind = KIND_PLURALS[DocumentKind(row["kind"])]
    return {"kind": str(kind), "documents": format_number(row["documents"]), **figures}
