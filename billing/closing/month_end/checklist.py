"""
The checklist of a seller's month: what is still open of it, and what of that keeps it from being locked.

Its questions are of a fixed number, whatever the month holds. Source: docs/closing.md#checklist.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import F, QuerySet

from billing.closing.late_usage.report import report_late_usage
from billing.metering.usage.unmatched_value import at_stake, open_reports
from billing.models import Job, Period
from billing.models.jobs import JobKind, JobState
from billing.models.periods import PeriodKind, PeriodState
from customers.models import Delivery, Seller
from customers.models.notifications import DeliveryState
from invoices.documents.calendar_months import month_bounds
from invoices.documents.month_lock import documents_issued_in
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from lib.decimals import EXACT, ZERO
from plans.models import ChangeRequest
from plans.models.approvals import RequestState

MAX_COUNTED = 1_000
"""Rows of a point that are counted, and no further: a page must come soon, whatever is open."""

MAX_GRACE_PERIOD = timedelta(days=60)
"""The longest that a seller waits for stragglers; it bounds what of the queue is looked at."""


@dataclass(frozen=True, slots=True)
class ChecklistPoint:
    """
    One thing to look at.

    count: how many are open, `MOST_COUNTED` and one more at most. blocks: whether any keeps the month from being
    locked. amounts: what they come to by currency, where that is known.
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
    Return all points of a month, those that keep it open first. `month`: its first day, by the seller's calendar.

    It is about live customers, and about what was over at the month's end; documents are of the month by their date.
    """
    begins, over = month_bounds(month, ZoneInfo(seller.time_zone))
    documents = _invoice_points(seller, documents_issued_in(seller.pk, month), begins, over)
    return [*_period_points(seller, over), *_usage_points(seller, over), *documents, *_remaining_points(over)]


def _period_points(seller: Seller, over: datetime) -> Iterable[ChecklistPoint]:
    live = {"subscription__customer__seller": seller, "subscription__sandbox": False}
    periods = Period.objects.filter(
        state=PeriodState.OPEN, due_at__lte=over + MAX_GRACE_PERIOD, ends_at__lte=over, **live
    )
    periods = periods.exclude(kind=PeriodKind.OPENING, ends_at=over)  # it bills the month that begins
    drafts = Invoice.objects.filter(seller=seller, sandbox=False, state=InvoiceState.DRAFT, period_end__lte=over)
    yield ChecklistPoint("periods_open", _count(periods.filter(error="")), blocks=True)
    yield ChecklistPoint("periods_failed", _count(periods.exclude(error="")), blocks=True)
    yield ChecklistPoint("drafts", _count(drafts), blocks=True)


def _usage_points(seller: Seller, over: datetime) -> Iterable[ChecklistPoint]:
    which = {"seller": seller.pk, "before": over}
    unmatched = _count(open_reports(**which))
    yield ChecklistPoint("unmatched_usage", unmatched, amounts=at_stake(**which).amounts if unmatched else {})
    late = report_late_usage(seller=seller.pk, until=over)
    amounts: dict[str, Decimal] = {}
    for (_, currency), amount in late.totals.items():
        amounts[currency] = EXACT.add(amounts.get(currency, ZERO), amount)
    yield ChecklistPoint("late_usage", len(late.rows) + (not late.is_all), amounts=amounts)


def _invoice_points(
    seller: Seller, of_month: QuerySet[Invoice], begins: datetime, over: datetime
) -> Iterable[ChecklistPoint]:
    yield ChecklistPoint("without_file", _count(of_month.exclude(rendering__content__isnull=False)))
    told = {
        "notification__kind": "invoice.issued",
        "notification__created_at__gte": begins,
        "notification__created_at__lt": over,
    }
    troubled = Delivery.objects.filter(state__in=[DeliveryState.FAILED, DeliveryState.GIVEN_UP], **told)
    whose = {"notification__customer__seller": seller, "notification__customer__sandbox": False}
    yield ChecklistPoint("not_sent", _count(troubled.filter(**whose)))
    credited = of_month.filter(kind=DocumentKind.CREDIT_NOTE).values("corrects")
    overpaid = Invoice.objects.filter(pk__in=credited, paid__gt=F("total") - F("credited"))
    yield ChecklistPoint("overpaid", _count(overpaid))


def _remaining_points(over: datetime) -> Iterable[ChecklistPoint]:
    yield ChecklistPoint("approvals", _count(ChangeRequest.objects.filter(state=RequestState.WAITING)))
    audit = Job.objects.filter(kind=JobKind.AUDIT, created_at__gte=over, state=JobState.DONE).order_by("-pk").first()
    yield ChecklistPoint("audit_missing", int(audit is None))
    yield ChecklistPoint("audit_violated", audit.figures.get("violated", 0) if audit else 0, blocks=True)


def _count(rows: QuerySet) -> int:
    return rows.order_by()[: MAX_COUNTED + 1].count()
