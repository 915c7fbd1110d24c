"""What finance has to do for a seller, counted in one statement: docs/revenue-reports.md#home."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from access.models import ApprovalRequest
from billing.metering.usage.unmatched_value import filter_reports
from billing.models import Accrual, Alert, Job, Period, UnmatchedUsage
from billing.models.jobs import JobKind, JobState
from customers.models import Delivery, Seller
from customers.models.notifications import DeliveryState
from invoices.models import BankLine, Invoice, PaymentAttempt, ProviderEvent, Refund, Rendering
from invoices.models.bank_statements import BankLineState
from invoices.models.invoices import InvoiceState
from invoices.models.payment_attempts import UNMATCHED_PAYMENT, AttemptState, RefundProvider
from lib.bounded_counts import count_bounded

MOST_COUNTED = 1_000
RECENTLY = timedelta(days=45)
"""The age of jobs and unmatched payments that still need attention."""


def count_tasks(seller: Seller, *, at: datetime) -> dict[str, int]:
    """Return the number of rows that need attention by the kind of task, at most `MOST_COUNTED` + 1 of each."""
    return count_bounded(_tasks(seller, at), most=MOST_COUNTED)


def _tasks(seller: Seller, at: datetime) -> dict[str, QuerySet[Any]]:
    invoices = Invoice.objects.filter(seller=seller, sandbox=False)
    declined = PaymentAttempt.objects.filter(invoice=OuterRef("pk"), state=AttemptState.DECLINED)
    open_invoices = invoices.filter(state__in=[InvoiceState.ISSUED, InvoiceState.OVERDUE])
    failed_jobs = Job.objects.filter(state=JobState.FAILED, created_at__gte=at - RECENTLY)
    refunds = Refund.objects.filter(seller=seller, customer__sandbox=False, state=AttemptState.PENDING)
    return {
        "drafts": invoices.filter(state=InvoiceState.DRAFT),
        "declined": open_invoices.filter(Exists(declined)),
        "payments_unmatched": ProviderEvent.objects.filter(UNMATCHED_PAYMENT, received_at__gte=at - RECENTLY),
        "bank_lines": BankLine.objects.filter(account__seller=seller, state=BankLineState.REVIEW),
        "refunds": refunds.filter(provider=RefundProvider.MANUAL),
        "periods_failed": Period.objects.failed().filter(subscription__seller=seller),
        "accruals_failed": Accrual.objects.failed().filter(period__subscription__seller=seller),
        "unmatched_usage": filter_reports(UnmatchedUsage.objects.outstanding(), seller=seller.pk, before=at),
        "alerts": Alert.objects.open(at)
        .worst()
        .filter(acknowledged_at__isnull=True, customer__sandbox=False, customer__seller=seller),
        "approvals": ApprovalRequest.objects.waiting(seller),
        "files_refused": failed_jobs.filter(kind=JobKind.EXPORT),
        "jobs_failed": failed_jobs.exclude(kind=JobKind.EXPORT),
        "files_failed": Rendering.objects.filter(content__isnull=True),
        "deliveries_failed": Delivery.objects.filter(state=DeliveryState.FAILED),
    }
