"""Jobs that send, charge or write off many invoices, each as the page of one invoice does."""

from collections.abc import Callable, Collection
from datetime import datetime

from django.contrib.auth.models import User

from access.approvals import ApprovalRefused, Requester, perform
from access.models import ApprovalRequest
from billing.jobs.definitions import JobDefinition
from billing.jobs.row_batches import RowBatch
from billing.models import Job
from billing.models.jobs import JobKind
from customers.customer_time import current_time
from invoices.documents.invoice_email import EmailRefused, send_invoice_again
from invoices.models import Invoice
from invoices.payments.acts import WriteOffInvoice
from invoices.payments.attempts import PaymentAttemptRefused, start_payment

REQUESTED = "requested"
"""Counts the write-offs that wait for a second person."""


def start_invoice_batch(
    *, kind: JobKind, invoice_ids: Collection[int], reason: str, title: str, by: User, at: datetime
) -> Job:
    """Store a job of a kind in `INVOICE_BATCHES` for at most `MAX_ROWS` invoices. reason: of write-offs."""
    choices = {"reason": reason}
    return _BATCHES[kind].start(kind=kind, ids=invoice_ids, choices=choices, title=title, by=by, at=at)


def _find(invoice_id: int) -> Invoice:
    return Invoice.objects.select_related("customer__test_clock").get(pk=invoice_id)


def _send(invoice: Invoice, job: Job, at: datetime) -> str:
    send_invoice_again(invoice_id=invoice.pk, key=f"job-{job.pk}", at=current_time(invoice.customer), by=job.by)
    return "sent"


def _charge(invoice: Invoice, job: Job, at: datetime) -> str:
    """Start the charge; the workers that submit attempts send it to the provider once this is committed."""
    start_payment(invoice_id=invoice.pk, at=current_time(invoice.customer), by=job.by)
    return "started"


def _write_off(invoice: Invoice, job: Job, at: datetime) -> str:
    act = WriteOffInvoice(invoice_id=invoice.pk, reason=job.parameters["reason"])
    outcome = perform(act, by=Requester(user=job.by), at=at, reason=job.parameters["reason"])
    return REQUESTED if isinstance(outcome, ApprovalRequest) else "written off"


def _batch(process: Callable[[Invoice, Job, datetime], str], *refusals: type[Exception]) -> RowBatch[Invoice]:
    return RowBatch(parameter="invoice", find=_find, name=str, process=process, refusals=refusals)


_BATCHES = {
    JobKind.INVOICE_EMAILS: _batch(_send, EmailRefused),
    JobKind.INVOICE_CHARGES: _batch(_charge, PaymentAttemptRefused),
    JobKind.WRITE_OFFS: _batch(_write_off, ApprovalRefused, *WriteOffInvoice.refusals),
}

INVOICE_BATCHES: dict[str, JobDefinition] = {
    kind: _BATCHES[kind].definition(permission=permission)
    for kind, permission in {
        JobKind.INVOICE_EMAILS: "customers.add_portallink",
        JobKind.INVOICE_CHARGES: "invoices.collect_payment",
        JobKind.WRITE_OFFS: WriteOffInvoice.permission,
    }.items()
}
"""The definitions of these jobs, each with the permission of its action on one invoice."""
