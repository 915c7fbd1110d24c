"""
The checklist of a seller's month: open points, and which of them prevent its lock.

It takes a fixed number of queries, however large the month is. Source: docs/closing.md#checklist.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from access.models import ApprovalRequest
from billing.closing.late_usage.report import report_late_usage
from billing.metering.usage.unmatched_value import estimate_unmatched_value, filter_reports
from billing.models import AccountingTarget, Accrual, Job, Period, UnmatchedUsage
from billing.models.jobs import JobKind, JobState
from billing.models.periods import PeriodKind, PeriodState
from billing.revenue.accounting_files.batches import BatchRefused, list_unmapped_amounts
from billing.revenue.ledger.books import read_books
from customers.models import Delivery, Seller
from customers.models.notifications import DeliveryState
from invoices.documents.calendar_months import month_bounds
from invoices.documents.locked_months import documents_issued_in
from invoices.models import DocumentKind, Invoice, MerchantAccount, PaymentAttempt, ProviderEvent, Refund
from invoices.models.invoices import InvoiceState
from invoices.models.payment_attempts import UNMATCHED_PAYMENT, AttemptState
from lib.decimals import EXACT, ZERO

MAX_COUNTED = 1_000
"""Rows counted per point, so that a page loads fast however many are open."""

MAX_GRACE_PERIOD = timedelta(days=60)
"""The longest grace period of a seller; it bounds the part of the queue that is read."""


@dataclass(frozen=True, slots=True)
class ChecklistPoint:
    """
    One point of the checklist.

    count: number of open rows, at most `MAX_COUNTED` + 1.
    blocks: whether an open row prevents the lock of the month.
    amounts: the rows' total by currency, where known.
    """

    code: str
    count: int
    blocks: bool = False
    amounts: dict[str, Decimal] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.count > 0

    @property
    def prevents_lock(self) -> bool:
        return self.blocks and self.is_open


def read_checklist(*, seller: Seller, month: date) -> list[ChecklistPoint]:
    """
    Return all points of a month, the blocking ones first.

    month: its first day, in the seller's time zone.

    Only live customers count, and only periods and usage that had ended by the month's end; invoices belong to the
    month of their date.
    """
    month_start, month_end = month_bounds(month, ZoneInfo(seller.time_zone))
    invoice_points = _invoice_points(seller, documents_issued_in(seller.pk, month), month_start, month_end)
    return [
        *_period_points(seller, month_end),
        *_revenue_points(seller, month, month_end),
        _unmapped_point(seller, month, month_end),
        *_usage_points(seller, month_end),
        *_payment_points(seller, month_start, month_end),
        *invoice_points,
        *_remaining_points(seller, month_end),
    ]


def _period_points(seller: Seller, month_end: datetime) -> Iterable[ChecklistPoint]:
    live = {"subscription__seller": seller, "subscription__sandbox": False}
    periods = Period.objects.filter(
        state=PeriodState.OPEN, due_at__lte=month_end + MAX_GRACE_PERIOD, ends_at__lte=month_end, **live
    )
    periods = periods.exclude(kind=PeriodKind.OPENING, ends_at=month_end)  # it bills the month that begins
    drafts = Invoice.objects.filter(seller=seller, sandbox=False, state=InvoiceState.DRAFT, period_end__lte=month_end)
    yield ChecklistPoint("periods_open", _count(periods.filter(error="")), blocks=True)
    yield ChecklistPoint("periods_failed", _count(periods.exclude(error="")), blocks=True)
    yield ChecklistPoint("drafts", _count(drafts), blocks=True)


def _revenue_points(seller: Seller, month: date, month_end: datetime) -> Iterable[ChecklistPoint]:
    failed = Accrual.objects.failed().filter(month__lte=month, period__subscription__seller=seller)
    yield ChecklistPoint("accruals_failed", _count(failed), blocks=True)
    books = read_books(seller, at=month_end)
    yield ChecklistPoint("earlier_open", max(books.place_of(month) - books.first_open, 0), blocks=True)


def _unmapped_point(seller: Seller, month: date, month_end: datetime) -> ChecklistPoint:
    """Count the kinds of amounts without an account, in any target in use: once, however many targets lack it."""
    targets = AccountingTarget.objects.filter(seller=seller).values_list("target", flat=True)
    try:
        unmapped = list_unmapped_amounts(seller=seller, month=month, targets=targets, at=month_end)
    except BatchRefused:  # the month is being locked, so its mapping was complete
        unmapped = {}
    kinds = {
        (currency, str(row), row.problem): row.amount
        for by_currency in unmapped.values()
        for currency, rows in by_currency.items()
        for row in rows
    }
    amounts: dict[str, Decimal] = {}
    for (currency, _, _), amount in kinds.items():
        amounts[currency] = EXACT.add(amounts.get(currency, ZERO), abs(amount))
    return ChecklistPoint("unmapped", len(kinds), blocks=True, amounts=amounts)


def _payment_points(seller: Seller, month_start: datetime, month_end: datetime) -> Iterable[ChecklistPoint]:
    # While the customer can still pay on a page, nothing is known to have been collected.
    is_open_page = Q(closes_at__gte=month_end)
    pending = PaymentAttempt.objects.filter(
        state=AttemptState.PENDING, sent_at__lt=month_end, invoice__seller=seller, invoice__sandbox=False
    ).exclude(is_open_page)
    amounts: dict[str, Decimal] = {}
    for currency, amount in pending.order_by().values_list("currency", "amount")[:MAX_COUNTED]:
        amounts[currency] = EXACT.add(amounts.get(currency, ZERO), amount)
    yield ChecklistPoint("payments_pending", _count(pending), amounts=amounts)
    own_account = MerchantAccount.objects.filter(seller=seller)
    # A seller without an account of its own shares that of the settings, so its events may be another seller's.
    is_of_seller = Q(merchant__in=own_account) | (Q(merchant__isnull=True) & ~Exists(own_account))
    events = ProviderEvent.objects.filter(UNMATCHED_PAYMENT, received_at__gte=month_start, received_at__lt=month_end)
    yield ChecklistPoint("payments_unmatched", _count(events.filter(is_of_seller)))


def _usage_points(seller: Seller, month_end: datetime) -> Iterable[ChecklistPoint]:
    reports = filter_reports(UnmatchedUsage.objects.outstanding(), seller=seller.pk, before=month_end)
    unmatched = _count(reports)
    unmatched_amounts = estimate_unmatched_value(reports).amounts if unmatched else {}
    yield ChecklistPoint("unmatched_usage", unmatched, amounts=unmatched_amounts)
    late = report_late_usage(seller=seller.pk, until=month_end)
    amounts: dict[str, Decimal] = {}
    for (_, currency), amount in late.totals.items():
        amounts[currency] = EXACT.add(amounts.get(currency, ZERO), amount)
    yield ChecklistPoint("late_usage", len(late.rows) + (not late.is_all), amounts=amounts)


def _invoice_points(
    seller: Seller, invoices: QuerySet[Invoice], month_start: datetime, month_end: datetime
) -> Iterable[ChecklistPoint]:
    yield ChecklistPoint("without_file", _count(invoices.exclude(rendering__content__isnull=False)))
    issued_notifications = {
        "notification__kind": "invoice.issued",
        "notification__created_at__gte": month_start,
        "notification__created_at__lt": month_end,
    }
    failed_deliveries = Delivery.objects.filter(
        state__in=[DeliveryState.FAILED, DeliveryState.GIVEN_UP], **issued_notifications
    )
    of_seller = Q(notification__seller=seller) | Q(
        notification__seller__isnull=True, notification__customer__seller=seller
    )
    live = failed_deliveries.filter(of_seller, notification__customer__sandbox=False)
    yield ChecklistPoint("not_sent", _count(live))
    notes = invoices.filter(kind=DocumentKind.CREDIT_NOTE)
    # Money that went to the customer's balance, or was refunded, counts as returned; a pending refund does, too.
    is_surplus = Q(paid__gt=F("total") - F("credited") + F("returned"))
    pending_refunds = Refund.objects.filter(note__corrects=OuterRef("pk"), note__in=notes, state=AttemptState.PENDING)
    overpaid = Invoice.objects.filter(is_surplus | Exists(pending_refunds), pk__in=notes.values("corrects"))
    yield ChecklistPoint("overpaid", _count(overpaid))


def _remaining_points(seller: Seller, month_end: datetime) -> Iterable[ChecklistPoint]:
    yield ChecklistPoint("approvals", _count(ApprovalRequest.objects.waiting(seller)))
    # Only an audit that began after the month's end has seen the whole month.
    audit = (
        Job.objects.filter(kind=JobKind.AUDIT, created_at__gte=month_end, state=JobState.DONE).order_by("-pk").first()
    )
    yield ChecklistPoint("audit_missing", int(audit is None))
    yield ChecklistPoint("audit_violated", audit.figures.get("violated", 0) if audit else 0, blocks=True)


def _count(rows: QuerySet[Model]) -> int:
    # Without an order, the database stops counting at the limit instead of sorting all rows.
    return rows.order_by()[: MAX_COUNTED + 1].count()
